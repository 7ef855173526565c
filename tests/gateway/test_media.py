"""How many tokens pictures and sounds can be: measured from their bytes, by the model's rule."""

import base64
import io
import math
import struct
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gateway import pictures, prompts, sounds
from gateway.usage import Bounds, Calibration, Delivered, measure
from marketplace.media import UNBOUNDED, UNKNOWN, MediaRule, scaled

TILES = MediaRule("tiles", base=85, each=170, side=512)
PATCHES = MediaRule("patches", base=2, each=1, side=28)
SIDES = st.integers(1, 5_000)


def url(data, kind="png"):
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def picture(width, height, kind="PNG", **options):
    file = io.BytesIO()
    Image.new("1" if kind == "PNG" else "RGB", (width, height)).save(file, kind, **options)
    return file.getvalue()


def sound(seconds, rate=8_000, channels=2):
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setparams((channels, 2, rate, 0, "NONE", ""))
        wav.writeframes(b"\0" * (seconds * rate * channels * 2))
    return {"data": base64.b64encode(file.getvalue()).decode(), "format": "wav"}


def chat(*parts, media=UNKNOWN, **facts):
    body = {"messages": [{"role": "user", "content": list(parts)}], **facts}
    return prompts.messages(body, 0, 0, media)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("JPEG", {"exif": b"Exif\0\0" + b"\0" * 40_000}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"exif": b"Exif\0\0"}),
    ],
)
@pytest.mark.parametrize("size", [(1, 1), (640, 480), (33, 1999)])
def test_the_size_of_a_picture_is_what_a_decoder_sees(kind, options, size):
    address = url(picture(*size, kind, **options), kind.lower())

    assert pictures.measured({"url": address, "detail": "low"}) == (*size, "low")
    assert pictures.measured(address) == (*size, "auto")


@pytest.mark.parametrize(
    "address",
    [
        "data:image/png;base64,", "data:image/png,abc", "data:image/png;base64,%%%%", "",
        url(b"\x89PNG\r\n\x1a\n"), url(b"\xff\xd8"), url(b"\xff\xd8\xff"), url(b"RIFF____WEBPVP8 "),
        url(picture(9, 9, "GIF"), "gif"), url(b"\xff\xd8" + b"\xff\xe0\0\0" * 9),
    ],
)  # fmt: skip
def test_a_picture_whose_size_cannot_be_told_counts_the_most(address):
    width, height, _detail = pictures.measured(address)

    assert (width, height) == (0, 0)
    assert TILES.image(width, height) == TILES.most


@given(data=st.binary(max_size=200))
def test_no_bytes_break_the_reader(data):
    for mark in (b"", *pictures.READERS):
        assert len(pictures.size(mark + data)) == 2


@pytest.mark.parametrize(
    ("width", "height", "detail", "tokens"),
    [
        # OpenAI's own examples of its rule.
        (1024, 1024, "high", 765),
        (2048, 4096, "high", 1105),
        (4096, 8192, "low", 85),
    ],
)
def test_tiles_are_counted_as_openai_publishes_it(width, height, detail, tokens):
    assert TILES.image(width, height, detail) == tokens


@given(width=SIDES, height=SIDES)
def test_a_tile_rule_is_never_below_what_an_engine_counts(width, height):
    fit = min(1.0, 2048 / max(width, height))
    shrink = min(1.0, 768 / (min(width, height) * fit))
    sides = [max(1, math.floor(side * fit * shrink)) for side in (width, height)]
    tiles = math.ceil(sides[0] / 512) * math.ceil(sides[1] / 512)

    assert TILES.image(width, height) >= min(85 + 170 * tiles, TILES.most)
    assert min(scaled(width, height)) >= 1


@given(width=SIDES, height=SIDES, less=st.integers(0, 4_999))
def test_a_larger_picture_never_counts_less_by_patches(width, height, less):
    assert PATCHES.image(max(1, width - less), height) <= PATCHES.image(width, height)


def test_the_rule_of_the_record_bounds_the_prompt():
    part = {"type": "image_url", "image_url": {"url": url(picture(1024, 1024)), "detail": "high"}}

    found = chat({"type": "text", "text": "What is it?"}, part, part, media=TILES)

    assert (found.image, found.likely_image) == (2 * 765, 2 * 765)
    assert found.bound == 2 * 765 + 11 + 4
    assert chat(part).image == UNKNOWN.most


def test_a_wav_is_as_long_as_its_samples_say():
    part = {"type": "input_audio", "input_audio": sound(3)}
    rule = MediaRule(audio_per_second=25)

    # The file's own head is counted as sound: a second more at most.
    assert 75 <= chat(part, media=rule).audio <= 100
    assert chat(part).audio == UNBOUNDED


def test_an_mp3_is_as_long_as_its_slowest_rate():
    frames = b"\xff\xfb\x90\x00" + b"\0" * 15_998
    tag = b"ID3\4\0\0\0\0\0\x0a" + b"\0" * 10

    for data in (frames, tag + frames):
        most, likely = sounds.measured({"data": base64.b64encode(data).decode()})
        assert (most, likely) >= (16, 1)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"OggS" + b"\0" * 99, b"ID3\4\0\0\0\0\x7f\x7f" + b"\0" * 999, b"RIFF____WAVE",
        b"RIFF____WAVELIST\4\0\0\0fmt fmt ", b"fLaC",
        b"RIFF____WAVEfmt \x10\0\0\0" + struct.pack("<HHIIHH", 2, 1, 8000, 10**9, 1, 4),
    ],
)  # fmt: skip
def test_of_other_sounds_nobody_can_say_how_long_they_are(data):
    most, _likely = sounds.measured({"data": base64.b64encode(data).decode(), "format": "mp3"})

    assert most is None
    assert MediaRule(audio_per_second=25).audio(most) == UNBOUNDED


def test_a_lie_about_a_picture_is_replaced_by_the_models_rule():
    bounds = Bounds(2_000, 50, prompt_bytes=40, image=765, likely_image=765)
    claimed = {
        "prompt_tokens": 1_800,
        "completion_tokens": 5,
        "prompt_tokens_details": {"image_tokens": 1_700},
    }

    measured = measure(claimed, bounds, Delivered(size=20), Calibration())

    assert measured.estimated
    assert (measured.parts["input"], measured.parts["image_input"]) == (10, 765)


@pytest.mark.parametrize(
    "facts", [{"modalities": ["text", "audio"]}, {"audio": {"voice": "alloy", "format": "wav"}}]
)
def test_only_an_answer_that_may_be_spoken_has_sound(facts):
    assert chat({"type": "text", "text": "x"}, **facts).speaks
    assert not chat({"type": "text", "text": "x"}).speaks
