"""The composition root: settings, URLs, the site, and the processes that run it."""
