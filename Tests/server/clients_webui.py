"""AUTOMATIC1111's API, by webuiapi."""

import base64
import json
import threading

import requests
import webuiapi
from clients_shared import base, drawn, opened, parameters, png, queue, raises, source, test, until, work
from PIL import Image, ImageDraw

webui = webuiapi.WebUIApi(baseurl=f"{base}/sdapi/v1")


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
