"""Lets nbgrader's own commands work on this course: sources in solutions/, releases in labs/."""

c = get_config()  # noqa: F821 - nbgrader provides it
c.CourseDirectory.course_id = "mlops"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "labs"
c.CourseDirectory.submitted_directory = "out/nbgrader/submitted"
c.CourseDirectory.autograded_directory = "out/nbgrader/autograded"
c.CourseDirectory.feedback_directory = "out/nbgrader/feedback"
c.CourseDirectory.db_url = "sqlite:///out/nbgrader/gradebook.db"
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", "feedback", "*.part"]
c.ClearSolutions.code_stub = {"python": "# YOUR CODE HERE"}
c.ClearSolutions.text_stub = "*Write here.*"
