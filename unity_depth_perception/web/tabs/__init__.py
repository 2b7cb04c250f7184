"""Tabs of the page: Gradio components wired to the actions of visitors. Needs the extra `web`."""
