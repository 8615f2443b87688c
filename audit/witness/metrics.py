from prometheus_client import Counter

ANSWERS = Counter(
    "vigil_witness_answers_total",
    "What witnesses made of our checkpoints: cosigned; timeout, unreachable, busy; refused, invalid;"
    " ahead or forked, where the witness has seen another past of our log than we have.",
    ["witness", "outcome"],
)
