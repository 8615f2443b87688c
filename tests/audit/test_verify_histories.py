"""Histories are held against the events that they tell of, and what the product itself does fits."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection

from audit.history import EventLink, history_tables
from audit.ledger import keys
from audit.ledger.kinds import Kind
from audit.ledger.report import Report
from audit.ledger.signer import LedgerSigner
from audit.ledger.verify import verify
from audit.ledger.verify_histories import OWN
from audit.models import Event, PolicySet, User
from audit.policies import policy_activate, policy_draft, policy_validate
from audit.principal import client
from audit.rows import row_delete, row_save
from incidents.models import Incident, Service
from incidents.procedure import State
from incidents.services.incidents import incident_open, incident_transition
from incidents.services.postmortems import postmortem_write
from tests.audit.sequencing import sequence_and_sign
from tests.database import as_superuser
from tests.people import TESTS, Cast
