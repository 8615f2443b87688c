"""What to do about each finding, for whoever is on call at night."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """`title` names what is missing within a sentence."""

    title: str
    text: str


RUNBOOK: dict[str, Entry] = {
    "database": Entry(
        "the database",
        "See whether PostgreSQL runs and takes connections, and whether its disk is full. Vigil tries"
        " it every 30 s and goes on by itself; restart nothing of Vigil. If it is lost for good, fence it"
        " off and run manage.py failover.",
    ),
    "replica": Entry(
        "the replica",
        "See whether it runs, follows the database and keeps up; if it was promoted, one of the two"
        " must go. Nothing is off without it, until the database is away.",
    ),
    "broker": Entry(
        "the broker",
        "See whether the broker runs. Nothing is lost: what is due waits in the database, and beat"
        " sends it again. Restart the broker, then look whether the queue goes down.",
    ),
    "cache": Entry("the cache", "Restart the cache. Nothing that counts is kept in it."),
    "ledger": Entry(
        "the ledger",
        "See whether the sequencer and the signer run, and what their logs say. Until a checkpoint"
        " covers the oldest event, nothing is changed. Never delete events that wait.",
    ),
    "gate": Entry(
        "the gate",
        "Open Governance: it says what was wrong. Find out who changed which rules, then verify and"
        " release the gate there, and write the review.",
    ),
    "journal": Entry(
        "the journal",
        "See whether its disk is full or was remounted, and whether its file was moved or deleted."
        " Make room, never by deleting the journal; then run verify_ledger --journal.",
    ),
    "disk": Entry(
        "room on the disk",
        "Make room on the disk named here; below a twentieth nothing is changed any more.",
    ),
    "memory": Entry(
        "free memory",
        "Find the process that grows. A web process may be stopped: another one takes over.",
    ),
    "shed": Entry(
        "room for everybody",
        "The lowest priorities give way, and come back by themselves within seconds. See which limit"
        " it is below. One person or token that asks too often: slow that script down. Else add pods.",
    ),
    "urgent-shed": Entry(
        "room for urgent work",
        "Alerts, or work on P0 and P1 incidents, are refused: more of these than a pod serves, or one"
        " token sends more than it may. Add pods, and see what sends so much. Detectors try again.",
    ),
    "growth": Entry(
        "steady memory",
        "The process named here grows all along. Restart it gracefully: another one takes over. Then"
        " see what was deployed since, and roll back if it grows again.",
    ),
    "watchdog": Entry(
        "the watchdog",
        "Start the watchdog again, and ask what else happened at that moment. Without it nobody tests"
        " the gate, and nobody is paged past the database.",
    ),
    "worker": Entry(
        "the worker",
        "See whether the worker runs, and its log; start it again where it hangs. Alerts are kept"
        " meanwhile, and incidents open once it is back.",
    ),
    "beat": Entry(
        "beat, which asks for what is due",
        "See whether beat runs, and its log; start it again where it hangs. Alerts still wake the"
        " worker; what is due by the clock waits.",
    ),
    "sequencer": Entry(
        "the sequencer",
        "See whether the process ledger runs, and its log; start it again where it hangs. Nothing is"
        " lost, but soon nothing is changed any more: be quick.",
    ),
    "signer": Entry(
        "the signer",
        "See whether the signer runs, and its log; start it again where it hangs, never a second one"
        " beside it. Nothing is lost, but soon nothing is changed any more: be quick.",
    ),
    "emergency-pagerduty": Entry(
        "a way to page on-call in an emergency",
        "See whether this machine reaches the provider, and whether the key is right. Call people by"
        " telephone meanwhile.",
    ),
    "emergency-key": Entry(
        "a key to page on-call with",
        "Set VIGIL_EMERGENCY_PAGERDUTY_KEY, and start the watchdog again.",
    ),
    "queue": Entry(
        "a worker that keeps up",
        "See whether worker and beat run, and what the worker's log says. Receipts that cannot be"
        " processed are set aside by themselves after five attempts.",
    ),
    "web": Entry(
        "the web processes",
        "See what the web processes' log says; restart them where they hang.",
    ),
    "pagerduty": Entry(
        "PagerDuty",
        "See the provider's status page. Call people by telephone meanwhile. Close the breaker here"
        " once the provider is back, if you cannot wait half a minute.",
    ),
    "slack": Entry(
        "Slack",
        "See the provider's status page. Messages wait here, and are sent once it answers.",
    ),
    "jira": Entry(
        "Jira",
        "See the provider's status page. Tickets wait here, and are made once it answers.",
    ),
    "smtp": Entry(
        "the mail server",
        "See whether it takes connections from here, and whether VIGIL_SMTP_URL is right.",
    ),
    "webhook": Entry(
        "receivers of webhooks",
        "Open Notifications: it says which receiver fails, and how. Ask whoever runs it.",
    ),
    "notifications": Entry(
        "somebody who is told",
        "Open Notifications, narrowed to those given up: each says what went wrong. Mend the channel,"
        " then send them again, or set them aside. Call people by telephone meanwhile.",
    ),
    "notifier": Entry(
        "the notifier",
        "See whether it runs, and its log; start it again where it hangs. What is to be sent waits in"
        " the database meanwhile. Call people by telephone.",
    ),
    "journal-central": Entry(
        "the central log",
        "See whether the central log takes connections and its certificate is valid. The journal's"
        " files stay here until it has them.",
    ),
    "witnesses": Entry(
        "the witnesses",
        "Ask who runs the witness. Signing goes on; the next checkpoint asks it again.",
    ),
}
