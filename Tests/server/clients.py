"""Published clients against the server; Tests/server/clients starts this with what it needs.

A picture that comes over an API has the bytes of the file that the command line writes.
"""

import asyncio
import base64
import contextlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.request

import openai
import requests
import webuiapi
from PIL import Image, ImageDraw

SERVER, PROGRAM = map(pathlib.Path, sys.argv[1:3])
folder = tempfile.TemporaryDirectory(prefix="dit-t2i-clients-")
work = pathlib.Path(folder.name)
tests = []


def test(function):
    tests.append(function)
    return function


# The server and the command line.


def run(*arguments):
    subprocess.run([PROGRAM, *map(str, arguments)], check=True, cwd=work, stdout=subprocess.DEVNULL)


def drawn(*arguments, name="drawn.png"):
    """The bytes that the command line writes."""
    run(*arguments, "--model", work / "micro", "-o", name, "-q")
    return (work / name).read_bytes()


@contextlib.contextmanager
def serving():
    process = subprocess.Popen(
        [SERVER, "--port", "0", "--model", work / "micro", "--model", work / "other"], stdout=subprocess.PIPE,
        stderr=open(work / "server.log", "wb"), text=True, env={**os.environ, "DIT_T2I_LORA_FOLDER": str(work / "loras")})
    try:
        for line in process.stdout:
            if "http://" in line:
                yield "http://" + line.split("http://", 1)[1].split()[0].rstrip("/")
                break
        else:
            raise SystemExit("the server says no address:\n" + (work / "server.log").read_text())
    finally:
        assert process.poll() is None, "the server ended by itself:\n" + (work / "server.log").read_text()[-2000:]
        process.terminate()
        process.wait(60)


def queue():
    state = requests.get(f"{base}/api/queue", timeout=10).json()
    return state["waiting"] + state["drawing"]


def until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.02)


def raises(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def png(picture):
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def opened(data):
    return Image.open(io.BytesIO(data))


def data(image):
    return base64.b64decode(image.b64_json)


def source(mode="RGB", size=(64, 64), hole=None):
    """A picture of a square; where its hole is, it is transparent."""
    picture = Image.new(mode, size, (40, 90, 200, 255)[: len(mode)])
    ImageDraw.Draw(picture).rectangle((16, 20, 40, 50), (250, 210, 60, 255)[: len(mode)])
    if hole:
        ImageDraw.Draw(picture).rectangle(hole, (0, 0, 0, 0))
    return picture


def parameters(file):
    """The settings in a picture, a field a line, without the hash of a mask: it was made anew of the client's."""
    fields = opened(file).text["parameters"].split(", ")
    return [field for field in fields if not field.startswith("Mask SHA-256")]


# OpenAI's API.


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


# A1111's API.


def raw(result):
    return [base64.b64decode(image) for image in result.json["images"]]


@test
def webui_lists():
    names = webui.util_get_sampler_names()
    assert {"DPM++ 2M", "Euler a", "Euler", "Heun", "DDIM", "UniPC", "LCM", "DPM++ 2M SDE"} <= set(names), names
    assert "karras" in webui.util_get_scheduler_names()
    assert webui.util_get_model_names() == ["micro", "other"]
    for model in webui.get_sd_models():
        assert set(model) == {"title", "model_name", "hash", "sha256", "filename", "config"}
        assert "/" not in model["filename"], "a path of this machine"
    for ask in [
        webui.get_sd_vae, webui.get_upscalers, webui.get_latent_upscale_modes, webui.get_hypernetworks,
        webui.get_face_restorers, webui.get_realesrgan_models, webui.get_prompt_styles]:
        assert ask() == [], ask
    assert [lora["name"] for lora in webui.get_loras()] == ["fox"]
    assert webui.get_scripts() == {"txt2img": [], "img2img": []} and webui.get_embeddings() == {"loaded": {}, "skipped": {}}
    assert webui.get_memory()["ram"]["used"] > 0 and webui.get_cmd_flags()["api"] is True
    assert webui.refresh_checkpoints() is None
    webui.util_wait_for_ready(0.1)


@test
def webui_draws_the_command_lines_bytes():
    result = webui.txt2img(prompt="a red fox", negative_prompt="a cat", seed=7, steps=12, cfg_scale=3.5, width=96, height=64)
    assert raw(result) == [drawn(
        "a red fox", "--negative", "a cat", "--seed", 7, "--steps", 12, "--guidance", 3.5, "--size", "96x64", "--sampler",
        "Euler a")]
    assert result.info["seed"] == 7 and result.info["all_seeds"] == [7] and result.info["sampler_name"] == "Euler a"
    assert result.info["infotexts"] == [result.image.text["parameters"]] and result.info["sd_model_name"] == "micro"
    assert (result.info["width"], result.info["height"], result.info["steps"], result.info["cfg_scale"]) == (96, 64, 12, 3.5)
    assert result.parameters["prompt"] == "a red fox" and result.parameters["steps"] == 12
    bare = requests.post(f"{base}/sdapi/v1/txt2img", json={"prompt": "a red fox", "seed": 7}, timeout=60).json()
    assert base64.b64decode(bare["images"][0]) == drawn("a red fox", "--seed", 7)


@test
def webui_samplers_and_schedulers():
    for fields, name in [
        ({"sampler_name": "DPM++ 2M Karras"}, "DPM++ 2M Karras"),
        ({"sampler_name": "DPM++ 2M", "scheduler": "Karras"}, "DPM++ 2M Karras"),
        ({"sampler_index": "Euler a"}, "euler_a"), ({"sampler_name": "k_heun", "scheduler": "automatic"}, "heun"),
        ({"sampler_name": "UniPC", "scheduler": "exponential"}, "unipc exponential"),
        ({"sampler_name": "DPM++ 2M", "scheduler": "sgm_uniform"}, "dpm++ simple"), ({"sampler_name": "DDIM"}, "ddim")]:
        body = {"prompt": "a red fox", "seed": 7, "steps": 8, **fields}
        answer = requests.post(f"{base}/sdapi/v1/txt2img", json=body, timeout=60).json()
        expected = drawn("a red fox", "--seed", 7, "--steps", 8, "--sampler", name)
        assert base64.b64decode(answer["images"][0]) == expected, (fields, answer["info"])
    for entry in webui.get_samplers():
        for name in [entry["name"], *entry["aliases"]]:
            body = {"prompt": "a red fox", "steps": 4, "sampler_name": name, "send_images": False}
            answer = requests.post(f"{base}/sdapi/v1/txt2img", json=body, timeout=60)
            # These draw with models of their own alone, and in one step.
            assert answer.status_code == (422 if entry["name"] in ["SCM", "DMD"] else 200), (name, answer.text)
            if answer.status_code == 200:
                assert json.loads(answer.json()["info"])["sampler_name"].lower() == entry["name"].lower()
                assert answer.json()["images"] == []


@test
def webui_several():
    result = webui.txt2img(prompt="a red fox", seed=30, batch_size=2, n_iter=2, steps=6, width=64, height=64)
    assert result.info["all_seeds"] == [30, 31, 32, 33] and len(result.info["infotexts"]) == 4
    for seed, file in zip(result.info["all_seeds"], raw(result)):
        assert file == drawn(
            "a red fox", "--seed", seed, "--steps", 6, "--guidance", 7, "--size", 64, "--sampler", "Euler a")
    by_chance = webui.txt2img(prompt="a red fox", width=64, height=64, steps=6)
    assert by_chance.info["seed"] >= 0


@test
def webui_models():
    try:
        webui.util_set_model("other")
        assert webui.util_get_current_model() == "other"
        result = webui.txt2img(prompt="a red fox", seed=1, steps=4, width=64, height=64)
        assert result.info["sd_model_name"] == "other"
        result = webui.txt2img(
            prompt="a red fox", seed=1, steps=4, width=64, height=64, override_settings={"sd_model_checkpoint": "micro [0a1b]"})
        assert result.info["sd_model_name"] == "micro" and webui.util_get_current_model() == "other"
        answer = requests.post(f"{base}/sdapi/v1/options", json={"sd_model_checkpoint": "nope"}, timeout=10)
        assert answer.status_code == 404 and "nope" in answer.json()["detail"]
    finally:
        assert webui.set_options({"sd_model_checkpoint": "micro", "samples_format": "png", "no_such_option": [1]}) is None
    assert webui.get_options()["sd_model_checkpoint"] == "micro"


@test
def webui_starts_from_a_picture():
    picture = source()
    (work / "image").write_bytes(base64.b64decode(webuiapi.raw_b64_img(picture)))
    fields = dict(images=[picture], prompt="a red fox", seed=9, steps=10, cfg_scale=4, width=64, height=64)
    options = ["--seed", 9, "--steps", 10, "--guidance", 4, "--size", 64, "--sampler", "Euler a", "--image", "image"]
    result = webui.img2img(denoising_strength=0.6, **fields)
    assert raw(result) == [drawn("a red fox", "--strength", 0.6, *options)]
    assert result.info["denoising_strength"] == 0.6 and "init_images" not in result.parameters
    mask = Image.new("L", picture.size, 0)
    ImageDraw.Draw(mask).rectangle((8, 8, 40, 40), 255)
    (work / "mask").write_bytes(base64.b64decode(webuiapi.raw_b64_img(mask)))
    result = webui.img2img(mask_image=mask, denoising_strength=0.9, **fields)
    assert raw(result) == [drawn("a red fox", "--strength", 0.9, "--mask", "mask", *options)]
    inverted = webui.img2img(
        mask_image=Image.eval(mask, lambda value: 255 - value), inpainting_mask_invert=1, denoising_strength=0.9, **fields)
    assert inverted.image.tobytes() == result.image.tobytes()
    opacity = Image.new("RGBA", picture.size)
    opacity.putalpha(mask)
    by_opacity = webui.img2img(mask_image=opacity, denoising_strength=0.9, **fields)
    assert by_opacity.image.tobytes() == result.image.tobytes()


@test
def webui_reads_settings_from_pictures():
    file = drawn("a red fox, sitting", "--seed", 7, "--negative", "a cat")
    result = webui.png_info(opened(file))
    assert result.info == opened(file).text["parameters"]
    assert result.parameters["Seed"] == "7" and result.parameters["Prompt"] == "a red fox, sitting"
    jpeg = drawn("a red fox", "--seed", 8, name="settings.jpg")
    ask = lambda image: requests.post(f"{base}/sdapi/v1/png-info", json={"image": image}, timeout=10)
    assert ask("data:image/jpeg;base64," + base64.b64encode(jpeg).decode()).json()["parameters"]["Seed"] == "8"
    assert ask(base64.b64encode(png(source())).decode()).json() == {"info": "", "items": {}, "parameters": {}}
    assert ask("####").status_code == 422 and ask(base64.b64encode(b"no picture").decode()).status_code == 422


def webui_long(answers):
    answers.append(webui.txt2img(prompt="a red fox", seed=1, steps=250, width=512, height=512))


@test
def webui_progress_and_interruption():
    answers = []
    thread = threading.Thread(target=webui_long, args=[answers])
    thread.start()
    until(lambda: webui.get_progress()["progress"] > 0.02)
    first = webui.get_progress()
    until(lambda: webui.get_progress()["progress"] > first["progress"])
    state = first["state"]
    assert state["job"] == "txt2img" and state["job_count"] == 1 and state["sampling_steps"] == 250 and first["eta_relative"] > 0
    until(lambda: webui.get_progress()["current_image"])
    image = webui.get_progress()["current_image"]
    assert opened(base64.b64decode(image)).size == (512, 512)
    assert requests.get(f"{base}/sdapi/v1/progress?skip_current_image=true", timeout=10).json()["current_image"] is None
    webui.interrupt()
    thread.join(20)
    assert not thread.is_alive() and answers[0].image.size == (512, 512), "how far it was"
    assert answers[0].info["infotexts"] == [""]
    until(lambda: queue() == 0, seconds=5)
    idle = webui.get_progress()
    assert idle["progress"] == 0 and idle["state"]["job_count"] == 0
    assert webui.interrupt() == {} and webui.skip() == {}


@test
def webui_clients_that_go_are_not_drawn_for():
    body = {"prompt": "a red fox", "steps": 250, "width": 512, "height": 512, "batch_size": 8}
    raises(requests.Timeout, lambda: requests.post(f"{base}/sdapi/v1/txt2img", json=body, timeout=1))
    until(lambda: queue() == 0, seconds=5)
    until(lambda: webui.get_progress()["state"]["job_count"] == 0, seconds=5)


@test
def webui_refuses_in_its_form():
    def refused(status, field, **body):
        kind = "img2img" if "init_images" in body else "txt2img"
        answer = requests.post(f"{base}/sdapi/v1/{kind}", json={"prompt": "a red fox", **body}, timeout=20)
        assert answer.status_code == status, (body, answer.text)
        detail = answer.json()["detail"]
        assert detail[0]["loc"] == ["body", field] and detail[0]["msg"] if status == 422 else detail, detail

    picture = base64.b64encode(png(source())).decode()
    refused(422, "steps", steps="many")
    refused(422, "width", width=100, height=64)
    refused(422, "cfg_scale", cfg_scale=-1)
    refused(422, "batch_size", batch_size=5, n_iter=50)
    refused(422, "alwayson_scripts", alwayson_scripts={"ControlNet": {"args": []}})
    refused(404, None, override_settings={"sd_model_checkpoint": "nope"})
    refused(404, None, sampler_name="no such sampler")
    refused(404, None, sampler_name="Euler", scheduler="no such scheduler")
    refused(422, "init_images", init_images=["/etc/passwd"])
    refused(422, "init_images", init_images=["http://127.0.0.1/x.png"])
    refused(422, "mask", init_images=[picture], mask="####")
    refused(422, "denoising_strength", init_images=[picture], denoising_strength=0)
    error = raises(RuntimeError, lambda: webui.txt2img(prompt="a red fox", enable_hr=True))
    assert error.args[0] == 422
    # What is a text is read as the web UI reads it, and what nobody knows is passed over.
    lax = {"prompt": "a red fox", "seed": "7", "steps": 12.0, "send_images": "true", "comments": {}, "styles": ["x"], "eta": 1}
    answer = requests.post(f"{base}/sdapi/v1/txt2img", json=lax, timeout=60).json()
    assert base64.b64decode(answer["images"][0]) == drawn("a red fox", "--seed", 7, "--steps", 12)


subprocess.run([PROGRAM, "new", "--config", "micro", work / "micro"], check=True, stdout=subprocess.DEVNULL)
subprocess.run([PROGRAM, "new", "--config", "micro", "--seed", "4", work / "other"], check=True, stdout=subprocess.DEVNULL)
(work / "loras").mkdir()
(work / "loras" / "fox.safetensors").touch()
passed, failed = 0, 0
with serving() as base:
    client = openai.OpenAI(base_url=f"{base}/v1", api_key="none", max_retries=0)
    webui = webuiapi.WebUIApi(baseurl=f"{base}/sdapi/v1")
    for function in tests:
        try:
            with contextlib.redirect_stdout(sys.stderr):  # webuiapi prints
                function()
            passed += 1
        except Exception:
            failed += 1
            print(f"{function.__name__} failed:", file=sys.stderr)
            traceback.print_exc()
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
