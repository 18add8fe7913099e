"""The page in a real browser, opened from disk."""

import re
import shutil

import pytest

from nucleizoo.cli import main

webdriver = pytest.importorskip("selenium.webdriver")
BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (BROWSER and DRIVER), reason="wants Debian's packages chromium and chromium-driver"
)
ENTER = "\ue007"
SETTINGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars")


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for setting in SETTINGS:
        options.add_argument(setting)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    one = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield one
    one.quit()


@pytest.fixture(scope="module")
def address(good, poor, annotated, tmp_path_factory):
    out = tmp_path_factory.mktemp("page")
    runs = [str(run) for run in (*good, poor)]
    assert main(["compare", "--no-floor", *runs, "--data", str(annotated), "--out", str(out)]) == 0
    return (out / "report.html").as_uri()


@pytest.fixture
def page(browser, address):
    """The page, fresh, on a screen 1200 pixels wide."""
    wide(browser, 1200)
    browser.get(address)
    yield browser
    assert browser.get_log("browser") == []


def wide(browser, pixels, **media):
    size = {"width": pixels, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": f"prefers-{name}", "value": value} for name, value in media.items()]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def ask(page, script, *words):
    return page.execute_script(f"return {script}", *words)


def find(page, selector):
    return page.find_element("css selector", selector)


def texts(page, selector):
    return ask(page, "[...document.querySelectorAll(arguments[0])].map((one) => one.innerText)", selector)


def test_it_opens_with_verdict_and_tables(page, poor):
    assert re.match(r"good\b.* best", find(page, "h1").text)
    assert [name.split("\n")[0] for name in texts(page, "#scores tbody th")] == ["good", poor.name]
    assert texts(page, "#tests tbody td")[-1] == "yes" and "parameters" in texts(page, "#costs")[0].lower()
    assert len(texts(page, ".track")) == 2 and ask(page, "document.querySelectorAll('polyline').length") > 0


def test_every_picture_is_there_and_has_a_text(page):
    pictures = ask(page, "[...document.images].map((one) => [one.complete, one.naturalWidth])")
    assert len(pictures) == 8 * (1 + 2 + 2 * 4) and all(done and size > 0 for done, size in pictures)
    assert ask(page, "[...document.querySelectorAll('.layers')].every((one) => one.lastChild.alt)")


def test_a_heading_sorts_the_rows_by_mouse_and_by_key(page, poor):
    heading = "#scores thead th:nth-child(1)"
    find(page, f"{heading} button").click()
    names = [name.split("\n")[0] for name in texts(page, "#scores tbody th")]
    assert (
        names == sorted(["good", poor.name]) and find(page, heading).get_attribute("aria-sort") == "ascending"
    )
    find(page, f"{heading} button").send_keys(ENTER)
    assert [name.split("\n")[0] for name in texts(page, "#scores tbody th")] == names[::-1]
    assert find(page, heading).get_attribute("aria-sort") == "descending"
    assert ask(page, "document.querySelectorAll('#scores [aria-sort]').length") == 1


def test_names_and_models_filter_the_pictures(page):
    seen = "[...document.querySelectorAll('article')].filter((one) => one.offsetParent).length"
    assert ask(page, seen) == 8
    find(page, "#filter").send_keys("CELL3")
    assert ask(page, seen) == 1 and find(page, "#count").text.startswith("1 of 8 images")
    shown = "[...document.querySelectorAll('.made')].filter((one) => one.offsetParent).length"
    assert ask(page, shown) == 2
    find(page, "#shown input").click()
    assert ask(page, shown) == 1


def test_pictures_can_be_ordered_and_enlarged(page):
    first = "document.querySelector('article h3').innerText"
    worst = ask(page, first)
    find(page, "#order option[value=best]").click()
    assert ask(page, first) != worst
    find(page, "#order option[value=name]").click()
    assert ask(page, first) == "cell0"
    find(page, ".layers").click()
    assert find(page, "dialog").is_displayed() and "image cell0" in find(page, "dialog").text
    find(page, "dialog button").click()
    assert not find(page, "dialog").is_displayed()


def test_a_dot_leads_to_its_picture(page):
    dot = find(page, ".track a")
    dot.send_keys(ENTER)
    assert dot.get_attribute("title").startswith(find(page, "article.sought h3").text)


def test_a_phone_scrolls_down_and_never_sideways(page, address):
    wide(page, 390)
    page.get(address)
    assert ask(page, "[document.documentElement.scrollWidth, document.body.scrollWidth]") == [390, 390]
    sizes = "[...document.querySelectorAll('h1, p, td, th, label')].map((e) => getComputedStyle(e).fontSize)"
    assert min(float(size.removesuffix("px")) for size in ask(page, sizes)) >= 13


def test_dark_is_as_the_system_says_until_the_button_is_pressed(page, address):
    ground = "getComputedStyle(document.body).backgroundColor"
    light = ask(page, ground)
    wide(page, 1200, **{"color-scheme": "dark"})
    page.get(address)
    dark = ask(page, ground)
    assert dark != light
    find(page, "#theme").click()
    assert ask(page, ground) == light
    find(page, "#theme").click()
    assert ask(page, ground) == dark
