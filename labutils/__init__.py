"""Helper package of the ResNet course. Import its modules one by one, e.g. ``from labutils import data, models``."""
