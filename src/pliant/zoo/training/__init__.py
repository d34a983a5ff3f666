"""Published spaces of how to train: augmentation policies, optimizers, schedules and recipes."""
