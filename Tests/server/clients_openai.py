"""OpenAI's API, by its own package."""

import asyncio
import json
import time
import urllib.request

import openai
import requests
from clients_shared import base, data, drawn, opened, parameters, png, queue, raises, run, source, test, until, work
from PIL import Image, ImageDraw

client = openai.OpenAI(base_url=f"{base}/v1", api_key="none", max_retries=0)


@test
def openai_models():
    models = client.models.list().data
    assert [model.id for model in models] == ["micro", "other"], models
    assert models[0].object == "model" and models[0].created > 1_500_000_000 and models[0].owned_by == "dit-t2i"
    assert client.models.retrieve("other").id == "other"
    error = raises(openai.NotFoundError, lambda: client.models.retrieve("nope"))
    assert error.code == "model_not_found" and error.param == "model", error


@test
def openai_generates_the_command_lines_bytes():
    answer = client.images.generate(prompt="a red fox", extra_body={"seed": 7})
    assert data(answer.data[0]) == drawn("a red fox", "--seed", 7)
    assert answer.size == "64x64" and answer.output_format == "png" and answer.background == "opaque"
    assert abs(answer.created - time.time()) < 60
    usage = answer.usage
    assert usage.input_tokens_details.text_tokens >= 4 and usage.output_tokens == 16
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens


@test
def openai_every_field():
    answer = client.images.generate(
        model="other", prompt="a blue boat", size="96x64", quality="high", background="auto", moderation="low", style="vivid",
        user="me", response_format="b64_json", output_format="png",
        extra_body={
            "seed": 11, "steps": 9, "guidance": 2.5, "negative_prompt": "a cat", "sampler": "DPM++ 2M Karras", "class": 2,
            "scale": 2})
    run("a blue boat", "--model", work / "other", "-o", "all.png", "-q", "--size", "96x64", "--seed", 11, "--steps", 9,
        "--guidance", 2.5, "--negative", "a cat", "--sampler", "DPM++ 2M Karras", "--class", 2, "--scale", 2)
    assert data(answer.data[0]) == (work / "all.png").read_bytes()
    assert answer.size == "192x128" and opened(data(answer.data[0])).size == (192, 128)


@test
def openai_several():
    answer = client.images.generate(prompt="a red fox", n=3, size="auto", extra_body={"seed": 20})
    assert [image.seed for image in answer.data] == [20, 21, 22]
    for image in answer.data:
        assert data(image) == drawn("a red fox", "--seed", image.seed)
    assert answer.usage.output_tokens == 3 * 16
    whole = client.images.generate(prompt="a red fox", extra_body={"seed": 20.0}).data[0]
    assert whole.seed == 20, "other languages write whole numbers so"
    by_chance = client.images.generate(prompt="a red fox").data[0]
    assert data(by_chance) == drawn("a red fox", "--seed", by_chance.seed)


@test
def openai_formats():
    for word, ending in [("jpeg", "jpg"), ("webp", "webp")]:
        for compression in [None, 50]:
            more = {} if compression is None else {"output_compression": compression}
            options = [] if compression is None else ["--quality", compression]
            answer = client.images.generate(prompt="a red fox", output_format=word, extra_body={"seed": 7}, **more)
            expected = drawn("a red fox", "--seed", 7, *options, name=f"format.{ending}")
            assert data(answer.data[0]) == expected, (word, compression)
            assert answer.output_format == word and opened(expected).format == word.upper()


@test
def openai_urls_hold_the_picture():
    image = client.images.generate(prompt="a red fox", response_format="url", extra_body={"seed": 7}).data[0]
    assert image.b64_json is None
    with urllib.request.urlopen(image.url) as file:
        assert file.read() == drawn("a red fox", "--seed", 7)


@test
def openai_models_of_its_own_mean_the_first():
    for name in ["dall-e-3", "gpt-image-1.5"]:
        answer = client.images.generate(model=name, prompt="a red fox", extra_body={"seed": 7})
        assert data(answer.data[0]) == drawn("a red fox", "--seed", 7)


@test
def openai_streams():
    for partial in range(4):
        events = list(
            client.images.generate(prompt="a red fox", stream=True, partial_images=partial, extra_body={"seed": 7, "steps": 250}))
        *before, last = events
        assert last.type == "image_generation.completed", last
        assert data(last) == drawn("a red fox", "--seed", 7, "--steps", 250)
        assert last.usage.output_tokens == 16 and last.size == "64x64" and last.output_format == "png"
        assert all(event.type == "image_generation.partial_image" for event in before)
        assert [event.partial_image_index for event in before] == list(range(len(before)))
        # A picture may be finished before all on its way are (so OpenAI's own documentation).
        assert len(before) <= partial and (len(before) > 0) == (partial > 0), (partial, len(before))
        for event in before:
            assert opened(data(event)).size == (64, 64)
    events = list(client.images.generate(prompt="a red fox", n=2, stream=True, output_format="webp", extra_body={"seed": 7}))
    assert sorted(event.seed for event in events) == [7, 8]
    for event in events:
        assert data(event) == drawn("a red fox", "--seed", event.seed, name="streamed.webp")


@test
def openai_edits_a_picture():
    (work / "image").write_bytes(png(source()))
    answer = client.images.edit(image=(work / "image").read_bytes(), prompt="a red fox", extra_body={"seed": 5, "strength": 0.7})
    assert data(answer.data[0]) == drawn("a red fox", "--seed", 5, "--image", "image", "--strength", 0.7)
    assert answer.usage.input_tokens_details.image_tokens == 16
    answer = client.images.edit(image=[("x.png", (work / "image").read_bytes())], prompt="a red fox", extra_body={"seed": 5})
    assert data(answer.data[0]) == drawn("a red fox", "--seed", 5, "--image", "image")
    # Its own size where none is named, and another where one is.
    (work / "image").write_bytes(png(source(size=(100, 70))))
    for size, options in [("auto", []), ("80x64", ["--size", "80x64"])]:
        answer = client.images.edit(image=(work / "image").read_bytes(), prompt="a red fox", size=size, extra_body={"seed": 5})
        assert data(answer.data[0]) == drawn("a red fox", "--seed", 5, "--image", "image", *options), size


@test
def openai_edits_what_is_transparent():
    hole = (24, 8, 55, 40)
    picture, mask = source(), source("RGBA", hole=hole)
    white = Image.new("L", picture.size, 0)
    ImageDraw.Draw(white).rectangle(hole, 255)
    (work / "image").write_bytes(png(picture))
    (work / "mask").write_bytes(png(white))
    expected = drawn("a red fox", "--seed", 5, "--image", "image", "--mask", "mask")
    answer = client.images.edit(
        image=("p.png", png(picture)), mask=("m.png", png(mask)), prompt="a red fox", extra_body={"seed": 5})
    got = data(answer.data[0])
    assert opened(got).tobytes() == opened(expected).tobytes() and parameters(got) == parameters(expected)
    for x, y in [(0, 0), (63, 63), (20, 60)]:
        assert opened(got).getpixel((x, y)) == picture.getpixel((x, y)), "what is not transparent stays"
    assert opened(got).crop(hole).tobytes() != picture.crop(hole).tobytes()
    # The same where the picture itself is transparent, and without a mask.
    answer = client.images.edit(image=("p.png", png(mask)), prompt="a red fox", extra_body={"seed": 5})
    assert opened(data(answer.data[0])).getpixel((63, 63)) == picture.getpixel((63, 63))
    events = list(client.images.edit(
        image=("p.png", png(picture)), mask=("m.png", png(mask)), prompt="a red fox", stream=True, partial_images=2,
        extra_body={"seed": 5}))
    assert [event.type for event in events][-1] == "image_edit.completed" and data(events[-1]) == got
    assert {event.type for event in events[:-1]} <= {"image_edit.partial_image"}


@test
def openai_refuses_in_its_form():
    def refused(field, call, words=""):
        error = raises(openai.BadRequestError, call)
        assert error.param == field and error.type == "invalid_request_error" and words in str(error), error

    generate = lambda **fields: lambda: client.images.generate(**{"prompt": "a red fox", **fields})
    refused("size", generate(size="100x100"), "nearest legal size is 96x96")
    refused("n", generate(n=11))
    refused("background", generate(background="transparent"))
    refused("output_compression", generate(output_compression=50), "png")
    refused("partial_images", generate(stream=True, partial_images=4))
    for field, value in [("seed", -2), ("steps", 10**6), ("guidance", -1), ("sampler", "nope"), ("no_such_field", 1)]:
        refused(field, generate(extra_body={field: value}))
    edit = lambda **fields: lambda: client.images.edit(**{"image": ("p.png", png(source())), "prompt": "a fox", **fields})
    refused("image", edit(image=("p.png", b"no picture")), "PNG, JPEG and WebP are read")
    refused("image", edit(image=[("p.png", png(source()))] * 2))
    refused("mask", edit(mask=("m.png", png(source()))), "transparent")
    refused("mask", edit(mask=("m.png", png(source("RGBA", (32, 64), (4, 4, 8, 8))))), "32x64")
    assert raises(openai.NotFoundError, generate(model="nope")).code == "model_not_found"
    large = raises(openai.APIStatusError, edit(image=("p.png", bytes(65 << 20))))
    assert large.status_code == 413, large
    refused("prompt", generate(prompt="<lora:no such:1> a fox"))
    for path, body, kind, status in [
        ("images/generations", b"{", "application/json", 400), ("images/generations", b"prompt=x", "text/plain", 415),
        ("images/edits", b"{}", "application/json", 415), ("images/edits", b"x", "multipart/form-data", 400),
        ("images/edits", b"--b\r\n\r\nx", "multipart/form-data; boundary=b", 400)]:
        answer = requests.post(f"{base}/v1/{path}", data=body, headers={"Content-Type": kind}, timeout=10)
        assert answer.status_code == status and answer.json()["error"]["message"], (path, body, answer.text)


def long_order(size="256x256", steps=250, n=10, **more):
    return dict(prompt="a red fox", size=size, n=n, extra_body={"steps": steps}, **more)


@test
def openai_says_when_the_queue_is_full():
    async def ask():
        many = openai.AsyncOpenAI(base_url=f"{base}/v1", api_key="none", max_retries=0)
        tasks = [asyncio.create_task(many.images.generate(**long_order())) for _ in range(9)]
        done, pending = await asyncio.wait(tasks, timeout=30, return_when=asyncio.FIRST_EXCEPTION)
        error = next(task.exception() for task in done if task.exception())
        body = {"prompt": "a red fox", "batch_size": 16}
        refused = await asyncio.to_thread(lambda: requests.post(f"{base}/sdapi/v1/txt2img", json=body, timeout=10))
        assert refused.status_code == 429 and int(refused.headers["Retry-After"]) > 0, refused.text
        assert "full" in refused.json()["detail"]
        for task in pending:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return error

    error = asyncio.run(ask())
    assert isinstance(error, openai.RateLimitError) and int(error.response.headers["retry-after"]) > 0, error
    assert error.code == "rate_limit_exceeded"
    until(lambda: queue() == 0)


@test
def openai_clients_that_go_are_not_drawn_for():
    async def ask(**more):
        many = openai.AsyncOpenAI(base_url=f"{base}/v1", api_key="none", max_retries=0)
        task = asyncio.create_task(many.images.generate(**long_order(**more)))
        await asyncio.to_thread(until, lambda: queue() > 0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def ask_and_listen():
        many = openai.AsyncOpenAI(base_url=f"{base}/v1", api_key="none", max_retries=0)
        stream = await many.images.generate(stream=True, partial_images=3, **long_order())
        async for event in stream:
            assert event.type == "image_generation.partial_image"
            break
        await stream.close()

    for client_that_goes in [ask(), ask_and_listen()]:
        asyncio.run(client_that_goes)
        until(lambda: queue() == 0, seconds=5)
