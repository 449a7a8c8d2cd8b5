"""python -m minicap.demo: a page in the browser that captions photographs, and scenes that one draws by clicking."""
