"""A pytest plugin for quantum programs. Importing it loads pytest alone."""
