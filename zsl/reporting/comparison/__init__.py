"""Which difference is real: paired tests, ranks over data sets, classes that gain and lose."""
