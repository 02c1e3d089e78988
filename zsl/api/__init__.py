"""What ``import zsl`` offers: methods fitted on arrays, data sets, scores, experiments and their results."""
