"""Files that tests write below a folder."""


def write(here, path, text):
    file = here / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return path
