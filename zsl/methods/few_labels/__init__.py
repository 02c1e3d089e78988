"""Adaptation of a joint space to few labelled images of the seen classes, one file a method."""
