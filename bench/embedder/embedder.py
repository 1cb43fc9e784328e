"""Serves all-MiniLM-L6-v2 on loopback, with the interfaces of OpenAI and of Ollama.

For benchmarks on machines that have no model server: it needs Python, numpy, tokenizers and
the model's folder (model.safetensors, tokenizer.json). README.md says how to get them.
"""

import argparse
import json
import os
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from tokenizers import Tokenizer

NAME = "all-minilm-l6-v2"
LAYERS, HEADS, WIDTH, MOST_TOKENS = 6, 12, 384, 256
MOST_BODY, MOST_CACHED = 32 << 20, 200_000


def tensors(path):
    """Reads the F32 tensors of a safetensors file."""
    with open(path, "rb") as f:
        (n,) = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(n))
        data = np.fromfile(f, dtype=np.uint8)
    out = {}
    for name, t in header.items():
        if name != "__metadata__" and t["dtype"] == "F32":
            begin, end = t["data_offsets"]
            out[name] = data[begin:end].view("<f4").reshape(t["shape"])
    return out


def norm(x, w, b):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-12) * w + b


def gelu(x):
    """x/2·(1+erf(x/√2)); erf after Abramowitz and Stegun 7.1.26, good to 1.5e-7."""
    z = np.abs(x) * np.float32(0.7071067811865476)
    t = 1 / (1 + np.float32(0.3275911) * z)
    p = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t
    return x * 0.5 * (1 + np.sign(x) * (1 - p * np.exp(-z * z)))


class Model:
    def __init__(self, folder):
        self.w = {k: v.astype(np.float32) for k, v in tensors(os.path.join(folder, "model.safetensors")).items()}
        self.tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(MOST_TOKENS)
        self.lock = threading.Lock()
        self.cache = {}

    def linear(self, x, name):
        return x @ self.w[name + ".weight"].T + self.w[name + ".bias"]

    def norm(self, x, name):
        return norm(x, self.w[name + ".weight"], self.w[name + ".bias"])

    def forward(self, ids, mask):
        n, length = ids.shape
        e = "embeddings."
        x = self.w[e + "word_embeddings.weight"][ids] + self.w[e + "position_embeddings.weight"][:length]
        x = self.norm(x + self.w[e + "token_type_embeddings.weight"][0], e + "LayerNorm")
        hide = (1 - mask)[:, None, None, :] * np.float32(-1e9)

        def split(y):
            return y.reshape(n, length, HEADS, -1).transpose(0, 2, 1, 3)

        for i in range(LAYERS):
            p = f"encoder.layer.{i}."
            q, k, v = (split(self.linear(x, p + "attention.self." + part)) for part in ("query", "key", "value"))
            a = q @ k.transpose(0, 1, 3, 2) / np.sqrt(np.float32(WIDTH // HEADS)) + hide
            a = np.exp(a - a.max(-1, keepdims=True))
            a /= a.sum(-1, keepdims=True)
            y = (a @ v).transpose(0, 2, 1, 3).reshape(n, length, WIDTH)
            x = self.norm(x + self.linear(y, p + "attention.output.dense"), p + "attention.output.LayerNorm")
            y = self.linear(gelu(self.linear(x, p + "intermediate.dense")), p + "output.dense")
            x = self.norm(x + y, p + "output.LayerNorm")
        m = mask[:, :, None]
        x = (x * m).sum(1) / m.sum(1)
        return x / np.linalg.norm(x, axis=-1, keepdims=True)

    def embed(self, texts):
        with self.lock:
            todo = sorted({t for t in texts if t not in self.cache}, key=len)
            if len(self.cache) + len(todo) > MOST_CACHED:
                self.cache, todo = {}, sorted(set(texts), key=len)
            for i in range(0, len(todo), 32):
                part = todo[i : i + 32]
                tokens = [e.ids for e in self.tokenizer.encode_batch(part)]
                ids = np.zeros((len(part), max(map(len, tokens))), dtype=np.int64)
                mask = np.zeros(ids.shape, dtype=np.float32)
                for row, t in enumerate(tokens):
                    ids[row, : len(t)], mask[row, : len(t)] = t, 1
                for t, v in zip(part, self.forward(ids, mask)):
                    self.cache[t] = [round(float(x), 6) for x in v]
            return [self.cache[t] for t in texts]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(200, {"object": "list", "data": [{"id": NAME, "object": "model"}]})

    def do_POST(self):
        n = int(self.headers.get("Content-Length") or 0)
        if not 0 < n <= MOST_BODY:
            self.close_connection = True
            return self.answer(413, {"error": {"message": "no body, or too large a one"}})
        try:
            texts = json.loads(self.rfile.read(n))["input"]
            texts = [texts] if isinstance(texts, str) else texts
            if not all(isinstance(t, str) for t in texts):
                raise TypeError
        except (ValueError, KeyError, TypeError):
            return self.answer(400, {"error": {"message": "input must be a text or a list of texts"}})
        vectors = self.server.model.embed(texts)
        if self.path == "/api/embed":
            return self.answer(200, {"model": NAME, "embeddings": vectors})
        if self.path != "/v1/embeddings":
            return self.answer(404, {"error": {"message": "POST /v1/embeddings or /api/embed"}})
        data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]
        self.answer(200, {"object": "list", "data": data, "model": NAME, "usage": {"prompt_tokens": 0, "total_tokens": 0}})


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("model", help="folder with model.safetensors and tokenizer.json")
    p.add_argument("--port", type=int, default=8765)
    a = p.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", a.port), Handler)
    server.daemon_threads = True
    server.model = Model(a.model)
    print(f"http://127.0.0.1:{server.server_port}/v1/embeddings serves {NAME}, {WIDTH} dimensions", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
