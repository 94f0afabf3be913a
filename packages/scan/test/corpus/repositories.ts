import type { CorpusFile } from "./corpus-file.ts";
import { writeTar } from "./tar-writer.ts";
import { writeZip } from "./zip-writer.ts";

const file = (name: string, technique: string, bytes: () => Uint8Array): CorpusFile => ({ name, technique, bytes });
const json = (name: string, technique: string, value: unknown): CorpusFile =>
  file(name, technique, () => Buffer.from(JSON.stringify(value)));

/** Configurations and folders of models that lead their loaders to code. */
export const maliciousRepositories: readonly CorpusFile[] = [
  json("config-auto-map", "code of the repository's own", {
    model_type: "llama",
    auto_map: { AutoModelForCausalLM: "modeling_own.OwnModel" },
  }),
  json("config-auto-map-other", "code of another repository", {
    model_type: "llama",
    auto_map: { AutoConfig: "somebody/else--configuration_own.OwnConfig" },
  }),
  json("config-auto-map-nested", "code of a nested configuration", {
    vision_config: { auto_map: { AutoModel: ["modeling_own.OwnModel", null] } },
  }),
  json("config-trust", "trust asked for by the file", { model_type: "llama", trust_remote_code: true }),
  json("config-pipelines", "a pipeline of the repository's own", {
    custom_pipelines: { "text-generation": { impl: "pipeline_own.OwnPipeline", pt: ["AutoModel"] } },
  }),
  json("config-kernel", "a compiled kernel from a repository", {
    model_type: "llama",
    attn_implementation: "somebody/flash-attention",
  }),
  json("model-index-module", "a pipeline's part that is a function of the system", {
    _class_name: "StableDiffusionPipeline",
    unet: ["os", "system"],
  }),
  json("model-index-own", "a pipeline with code of its own", {
    _class_name: ["pipeline_own", "OwnPipeline"],
    unet: ["unet_own", "OwnUNet"],
  }),
  json("modules-type", "a module of a sentence encoder that is not one", [
    { idx: 0, name: "0", path: "", type: "subprocess.Popen" },
  ]),
  json("adapter-library", "an adapter whose base lies in a library of the attacker", {
    peft_type: "LORA",
    auto_mapping: { base_model_class: "OwnModel", parent_library: "own_library" },
  }),
  file("repository-in-tar", "a model folder with the code that its configuration names", () =>
    writeTar([
      { name: "config.json", data: JSON.stringify({ auto_map: { AutoModel: "own.Model" } }) },
      { name: "own.py", data: "import os\n" },
    ]),
  ),
  file("repository-generate", "code that generation loads from the folder", () =>
    writeZip([
      { name: "config.json", data: '{"model_type": "llama"}' },
      { name: "custom_generate/generate.py", data: "import os\n" },
    ]),
  ),
  file("repository-template", "a template by its name, behind a fence that hides it", () =>
    writeZip([
      { name: "config.json", data: '{"model_type": "llama"}' },
      { name: "chat_template.jinja", data: "```\n{{ ''.__class__ }}" },
    ]),
  ),
];
