"""Evidence: parts of the record that a third party can check without us, offline."""
