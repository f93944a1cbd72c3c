"""Networks from the features of an encoding to an embedding, one file per network.

To add one, write a new file with a class that has the attributes `inputs` and `outputs`, and name the class as
`network._target_` in a leaf of config/model.
"""
