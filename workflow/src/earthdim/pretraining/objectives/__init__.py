"""Training objectives for location encoders, one file per objective.

To add one, subclass `earthdim.pretraining.objectives.base.Objective` in a new file and name the class as
`objective._target_` in a leaf of config/model.
"""
