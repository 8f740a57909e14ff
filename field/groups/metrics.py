"""Twenty metrics of `torchmetrics`, as components; and what a user does about them."""

from functools import partial

import torch
import torchmetrics as m
from torchmetrics import classification as c

from ..row import Row


def classify(metric):
    metric.update(torch.rand(8), torch.randint(2, (8,)))
    return metric.compute()


def regress(metric):
    metric.update(torch.rand(8), torch.rand(8))
    return metric.compute()


def aggregate(metric):
    metric.update(torch.rand(3))
    return metric.compute()


def persistent(kind, **options):
    metric = kind(**options)
    metric.persistent(True)
    return metric


def collection():
    metrics = m.MetricCollection([c.BinaryAccuracy(), c.BinaryF1Score()])
    metrics.persistent(True)
    return metrics


CLASSIFIERS = (
    c.BinaryAccuracy,
    c.BinaryAUROC,
    c.BinaryCohenKappa,
    c.BinaryConfusionMatrix,
    c.BinaryF1Score,
    c.BinaryMatthewsCorrCoef,
    c.BinaryPrecision,
    c.BinaryRecall,
)
REGRESSORS = (
    m.MeanAbsoluteError,
    m.MeanSquaredError,
    m.PearsonCorrCoef,
    m.R2Score,
    m.SpearmanCorrCoef,
    m.ExplainedVariance,
)
AGGREGATORS = (m.CatMetric, m.MaxMetric, m.MeanMetric, m.MinMetric, m.SumMetric)
RUNNING = (m.RunningMean, m.RunningSum)


def counted(metric):
    return [metric.state_dict(), metric.update_count]


def all_counted(metrics):
    return [metrics.state_dict(), [metric.update_count for metric in metrics.values()]]


def as_it_comes(kind, step, **options):
    return Row(
        name=f"{kind.__name__}, as it comes",
        package="torchmetrics",
        make=partial(kind, **options),
        step=step,
        look=counted,
    )


def kept(kind, step, **options):
    return Row(
        name=kind.__name__,
        package="torchmetrics",
        make=partial(persistent, kind, **options),
        step=step,
        look=counted,
    )


def rows():
    return [
        *(kept(kind, classify) for kind in CLASSIFIERS),
        *(kept(kind, regress) for kind in REGRESSORS),
        *(kept(kind, aggregate) for kind in AGGREGATORS),
        *(kept(kind, aggregate, window=3) for kind in RUNNING),
        Row(
            name="MetricCollection",
            package="torchmetrics",
            make=collection,
            step=classify,
            look=all_counted,
        ),
        as_it_comes(c.BinaryAccuracy, classify),
        as_it_comes(m.MeanMetric, aggregate),
    ]
