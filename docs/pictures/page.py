"""Take the picture of a report that the documentation shows: how one begins, in a real Chromium.

    python docs/pictures/page.py

writes page.png beside this file. The models are simulated, and the picture says so.
"""

import asyncio
import base64
import io
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

import metatextgrad as mtg
from metatextgrad.report.material import gather
from metatextgrad.report.page import run_page
from metatextgrad.report.story import tell

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from tests.browser import browsing  # noqa: E402  # found once the project's folder is on the path

WIDTH, HEIGHT = 1040, 1000


def main() -> None:
    """Carry out a run, write its report, and take the picture."""
    with TemporaryDirectory() as folder:
        mtg.meta_optimize("bbh/word_sorting", workspace=folder, run="words")
        material = asyncio.run(gather(folder, "words"))
        page = Path(folder) / "words.html"
        page.write_text(run_page(tell(material), material), encoding="utf-8")
        with browsing(Path(folder) / "profile") as browser:
            browser.resize(WIDTH, HEIGHT)
            browser.open(page)
            top = browser.look("document.querySelector('header').getBoundingClientRect().top + window.scrollY")
            clip = {"x": 0, "y": top - 60, "width": WIDTH, "height": HEIGHT, "scale": 1}
            shot = browser.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
    picture = Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB")
    picture.quantize(64).save(HERE / "page.png", optimize=True)


if __name__ == "__main__":
    main()
