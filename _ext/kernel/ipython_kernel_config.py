"""IPython's settings in the kernels that build the book."""

c = get_config()
c.InlineBackend.figure_formats = {"svg"}
c.InlineBackend.rc = {}
c.HistoryManager.enabled = False
