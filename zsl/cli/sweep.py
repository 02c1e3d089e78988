"""``zsl sweep``: search hyperparameters on validation classes."""

from __future__ import annotations

import argparse

HELP = "search hyperparameters on validation classes, in one or several processes"
DESCRIPTION = """Search the hyperparameters of conf/sweep/<method>.yaml by T1 or H of validation classes, train with the
best ones on all training classes, and write result.json. zsl train selection=validation does the same for a grid, in
one process.

The study is a database in paths.output (runs/sweep/<method>-<data>). Launch the same command again to resume a search
that was stopped, with a larger search.trials to extend one that has ended, or several times at once to share the work;
trials of a process that dies are redone."""

EPILOG = """keys (zsl train --help shows all others):
  search=tpe|grid              tree-structured Parzen estimator, or every combination of values
  search.trials=N              number of trials, for tpe (default: 50)
  search.pruner=none|median|hyperband    end trials early that do worse than others, where a method has epochs
  search.storage=URL           sqlite:///FILE, or a server for several machines: postgresql://…
  search.study=NAME            default: <method>-<data>; a study has one configuration and one data set
  search.stale=SECONDS         without a heartbeat, after which a trial is redone (default: 60)
  sweep.KEY=[V,…]              values of a hyperparameter
  sweep.KEY={low:L,high:H}     a range, for tpe; with log:true, or step:S
  +sweep.class_embedding.KEY=[V,…]       values of an option of the class embedding, such as templates

examples:
  zsl sweep data=synthetic method=eszsl search=grid
  zsl sweep data=cub method=eszsl 'sweep.gamma={low:1e-3,high:1e3,log:true}' 'sweep.lamb={low:1e-3,high:1e3,log:true}'
  zsl sweep data=cub method=ale search.trials=30 search.pruner=median selection.objective=H
  zsl sweep data=cub method=ale 'search.storage=${oc.env:ZSL_STUDIES}'    # keeps a password off the command line
  optuna-dashboard sqlite:///runs/sweep/ale-cub/study.db                  # pip install 'zsl[dashboard]'"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``zsl sweep``."""
    parser.add_argument("overrides", nargs="*", help="overrides of zsl train, and search.KEY=VALUE")
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter


def main(arguments: argparse.Namespace) -> int:
    """Search, train with the best, and write the result.

    Raises:
        InputError: the configuration, the data or the storage cannot be used.
    """
    from zsl.config.compose import require_working_folder

    require_working_folder()
    from zsl.config.searches import searched
    from zsl.runs.console import show_log

    show_log()
    experiment = searched(arguments.overrides)
    from zsl.runs.search import sweep

    return sweep(experiment)
