"""What entries of every kind promise, as checks: for authors of plugins, and for the tests of the shelf."""

from nucleizoo.checks.check import Check, NotApplicableError, PromiseError, Result
from nucleizoo.checks.checklist import check, checklist
from nucleizoo.checks.entry import Entry

__all__ = ["Check", "Entry", "NotApplicableError", "PromiseError", "Result", "check", "checklist"]
