"""The command `yuanlu`: the same verbs for a terminal, and what starts everything.

There is a module for each kind of thing; what the commands do stands in `yuanlu.terminal`. What a command needs is
imported when it runs: `recognise` and `diagnose` answer at once, and no command pays for the libraries of another.

Exit codes: 0 it was done; 1 something unexpected, or a story that did not end well; 2 a rule of ours said no, or the
command was not understood: nothing was changed.
"""

from __future__ import annotations

import click

from yuanlu.cli import (
    applications,
    audit,
    backups,
    books,
    cases,
    codes,
    complaints,
    files,
    goods,
    guards,
    hooks,
    keys,
    lawbook,
    limits,
    losses,
    merchants,
    packs,
    payments,
    platform,
    policies,
    receipts,
    repayments,
    secrets,
    services,
    shifts,
    statements,
    stations,
    trying,
)
from yuanlu.cli.parts import Commands, example


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
             **example("yuanlu demo", "yuanlu recognise 130123990123456789"))  # fmt: skip
@click.option("--debug", is_flag=True, help="Show where trouble came from.")
@click.version_option(package_name="yuanlu", message="yuanlu %(version)s")
@click.pass_context
def main(ctx: click.Context, debug: bool) -> None:
    """yuanlu 原路: scan-to-pay that puts mistaken scans right. Money goes back the way it came, provably, once."""
    ctx.ensure_object(dict)


for _each in (
    *(trying.demo, trying.sim, trying.recognise, trying.diagnose, trying.bench),
    *(payments.pay, payments.refund, payments.payment, payments.refunds, payments.show, payments.timeline),
    *(cases.case, files.file, files.data, complaints.complaint, packs.pack, lawbook.where, lawbook.packs),
    *(lawbook.rights, lawbook.workdays, cases.causes, books.tills, books.books, books.evidence),
    *(losses.refund_float, losses.loss, repayments.repayment, shifts.shift, policies.policy, hooks.hook),
    *(codes.code, codes.trace, codes.handover, merchants.merchant, merchants.staff, limits.limits, keys.key),
    *(services.serve, services.worker, services.db, audit.audit, backups.backup, backups.restore),
    *(secrets.secrets, receipts.receipt, receipts.printer),
    *(goods.goods, guards.guards, stations.till, stations.ticket, platform.operator, applications.application),
    statements.statement,
):
    main.add_command(_each)
