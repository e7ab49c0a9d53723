"""What runs beside a submission. ``warden.py`` is started as a script, and loads the rest in a process of its own."""
