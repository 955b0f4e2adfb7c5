"""A real, small MLOps system: the part of the workbook that the labs import and operate."""
