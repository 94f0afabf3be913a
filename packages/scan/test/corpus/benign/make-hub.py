"""Writes the benign files of model hubs with the libraries that people use: safetensors 0.8, gguf 0.19, h5py 3.16, nbformat 5.11, PyYAML 6, Python 3.11."""

import io
import json
import pathlib
import zipfile

import gguf
import h5py
import nbformat
import numpy as np
import safetensors.numpy
import safetensors.torch
import torch
import yaml

here = pathlib.Path(__file__).parent
draw = np.random.default_rng(0)

CHATML = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LLAMA = """{{- bos_token }}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{{- "Today Date: " + date_string + "\\n\\n" }}
{%- if tools is not none %}
    {{- "You have access to the following functions. To call a function, please respond with JSON for a function call. Do not use variables.\\n\\n" }}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
    {%- endfor %}
{%- endif %}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}
            {{- raise_exception("This model only supports single tool-calls at once!") }}
        {%- endif %}
        {{- '{"name": "' + message.tool_calls[0].function.name + '"}' }}
    {%- endif %}
{%- endfor %}
"""
THINKING = """{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}
        {%- set content = message.content %}
    {%- else %}
        {%- set content = '' %}
    {%- endif %}
    {%- if '</think>' in content %}
        {%- set reasoning = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
        {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
    {%- endif %}
    {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>\\n' }}
    {%- if message.tool_calls %}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function %}
                {%- set tool_call = tool_call.function %}
            {%- endif %}
            {{- '<tool_call>\\n{"name": "' }}{{- tool_call.name }}{{- '", "arguments": ' }}
            {%- if tool_call.arguments is string %}{{- tool_call.arguments }}{%- else %}{{- tool_call.arguments | tojson }}{%- endif %}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}
{%- endif %}
"""


def write_json(name, value):
    (here / name).write_text(json.dumps(value, indent=2) + "\n")


def write_safetensors():
    arrays = {"weight": draw.random((4, 3), np.float32), "bias": np.zeros(3, np.float16), "step": np.array(7)}
    safetensors.numpy.save_file(arrays, here / "numpy.safetensors")
    tensors = {"a": torch.ones(2, 2, dtype=torch.bfloat16), "b": torch.zeros(0), "c": torch.tensor([True])}
    safetensors.torch.save_file(tensors, here / "torch.safetensors", metadata={"format": "pt", "license": "https://www.apache.org/licenses/LICENSE-2.0"})
    safetensors.numpy.save_file({"a": np.arange(6, dtype="f4").reshape(2, 3), "b": np.zeros(3, "i8")}, here / "safetensors.safetensors")
    bfloat = {"x": torch.ones(3, dtype=torch.bfloat16), "empty": torch.zeros(0, 4), "flag": torch.tensor([True])}
    safetensors.torch.save_file(bfloat, here / "bf16.safetensors", metadata={"format": "pt"})
    # as many tensors as make the header's length look like the first bytes of a pickle: 0x0280
    layers = {f"layer.{index}": np.zeros(1, np.float32) for index in range(64)}
    for count in range(1, 64):
        file = safetensors.numpy.save(dict(list(layers.items())[:count]), {"pad": "x" * (count % 8)})
        if file[:2] == b"\x80\x02":
            (here / "pickle-length.safetensors").write_bytes(file)


def write_gguf(name, template, endianess=gguf.GGUFEndian.LITTLE, kind=None):
    writer = gguf.GGUFWriter(here / name, "llama", endianess=endianess)
    writer.add_block_count(1)
    writer.add_context_length(32)
    writer.add_token_list(["<s>", "</s>", "a", "b"])
    writer.add_token_scores([0.0, 0.0, -1.0, -2.0])
    writer.add_chat_template(template)
    if kind is None:
        writer.add_tensor("token_embd.weight", draw.random((4, 32), np.float32))
    else:
        writer.add_tensor("token_embd.weight", gguf.quantize(draw.random((4, 32), np.float32), kind), raw_dtype=kind)
    writer.add_tensor("output_norm.weight", np.ones(32, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def keras_layer(class_name, **config):
    return {"module": "keras.layers", "class_name": class_name, "config": config, "registered_name": None}


def keras_model():
    initializer = {"module": "keras.initializers", "class_name": "GlorotUniform", "config": {"seed": None}, "registered_name": None}
    dtype = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}
    return {
        "module": "keras",
        "class_name": "Sequential",
        "config": {
            "name": "sequential",
            "trainable": True,
            "dtype": dtype,
            "layers": [
                keras_layer("InputLayer", batch_shape=[None, 4], dtype="float32", name="input_layer"),
                keras_layer("Dense", name="dense", units=3, activation="softmax", kernel_initializer=initializer, dtype=dtype),
                keras_layer("TextVectorization", name="words", vocabulary=["a", "b"], standardize="lower"),
            ],
            "build_input_shape": [None, 4],
        },
        "registered_name": None,
        "build_config": {"input_shape": [None, 4]},
        "compile_config": {"optimizer": {"module": "keras.optimizers", "class_name": "Adam", "config": {"learning_rate": 0.001}, "registered_name": None}, "loss": "categorical_crossentropy", "metrics": ["accuracy"]},
    }


def write_keras_weights(target, layers, **options):
    with h5py.File(target, "w", **options) as file:
        for index in range(layers):
            group = file.require_group("layers")
            group.create_dataset(f"dense_{index}", data=np.zeros((4, 3), np.float32))


def write_keras():
    weights = io.BytesIO()
    write_keras_weights(weights, 2)
    with zipfile.ZipFile(here / "model.keras", "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.10.0", "date_saved": "2026-01-02@03:04:05"}))
        archive.writestr("config.json", json.dumps(keras_model()))
        archive.writestr("model.weights.h5", weights.getvalue())
    for name, options in {"model.h5": {}, "model-latest.h5": {"libver": "latest"}}.items():
        with h5py.File(here / name, "w", **options) as file:
            file.attrs["keras_version"] = "3.10.0"
            file.attrs["backend"] = "tensorflow"
            file.attrs["model_config"] = json.dumps(keras_model()).encode("utf8")
            file.attrs["training_config"] = json.dumps({"loss": "mse", "optimizer_config": keras_model()["compile_config"]["optimizer"]})
            group = file.create_group("model_weights/dense")
            group.attrs["weight_names"] = [b"kernel:0", b"bias:0"]
            group.create_dataset("kernel:0", data=np.zeros((4, 3), np.float32))
    write_keras_weights(here / "many.weights.h5", 12)
    write_keras_weights(here / "many-latest.weights.h5", 12, libver="latest")


def write_keras_2():
    dense = {"class_name": "Dense", "config": {"name": "d", "units": 3, "activation": "relu"}}
    with h5py.File(here / "keras-dense.h5", "w") as file:
        file.attrs["keras_version"] = "2.15.0"
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {"name": "s", "layers": [dense]}})
        file.create_dataset("d/kernel:0", data=np.linspace(0, 1, 12, dtype="f4").reshape(4, 3))


def write_notebook():
    notebook = nbformat.v4.new_notebook()
    output = nbformat.v4.new_output("display_data", {"text/html": "<table><tr><td>1</td></tr></table>", "text/plain": "1"})
    notebook.cells = [
        nbformat.v4.new_markdown_cell("# Training\nSee https://example.com."),
        nbformat.v4.new_code_cell("!pip install numpy\nimport numpy as np\n%matplotlib inline"),
        nbformat.v4.new_code_cell("model.eval()\nprint(np.zeros(3))", outputs=[output]),
    ]
    nbformat.write(notebook, here / "training.ipynb")


def write_yaml():
    nemo = {"target": "nemo.collections.asr.models.EncDecCTCModel", "preprocessor": {"_target_": "nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor", "features": 64}, "optim": {"name": "adamw", "lr": 0.001}}
    (here / "model_config.yaml").write_text(yaml.safe_dump(nemo))
    mlflow = {"artifact_path": "model", "flavors": {"python_function": {"env": {"conda": "conda.yaml"}, "loader_module": "mlflow.sklearn", "model_path": "model.pkl", "python_version": "3.11.4"}, "sklearn": {"code": None, "pickled_model": "model.pkl", "serialization_format": "cloudpickle"}}, "mlflow_version": "3.1.0", "model_uuid": "a" * 32}
    (here / "MLmodel").write_text(yaml.safe_dump(mlflow))


write_safetensors()
write_gguf("llama.gguf", CHATML)
write_gguf("big-endian.gguf", LLAMA, gguf.GGUFEndian.BIG)
write_gguf("quantized.gguf", THINKING, kind=gguf.GGMLQuantizationType.Q8_0)
write_keras()
write_keras_2()
write_notebook()
write_yaml()
(here / "chat_template.jinja").write_text(THINKING)
write_json("tokenizer_config.json", {"bos_token": "<s>", "chat_template": [{"name": "default", "template": LLAMA}, {"name": "tool_use", "template": CHATML}], "tokenizer_class": "LlamaTokenizer"})
