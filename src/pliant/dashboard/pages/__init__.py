"""The screens of the dashboard: each is a function from a study to HTML, without scripts or styles in it."""
