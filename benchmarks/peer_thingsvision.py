"""Seconds that thingsvision takes: run by bench_stream with a Python that has it.

thingsvision needs Keras 2 and with it an environment of its own, so nothing of ours is imported
here.
"""

import sys
import time

import numpy as np
from thingsvision import get_extractor

BATCH = 32


def main(count: int, layers: list[str]) -> None:
    extractor = get_extractor("InceptionV3", source="keras", device="cpu", pretrained=False)
    pixels = np.random.default_rng(0).random((count, 299, 299, 3), dtype=np.float32)
    batches = [pixels[i : i + BATCH] for i in range(0, count, BATCH)]
    start = time.perf_counter()
    extractor.extract_features(batches, module_names=layers)
    print(time.perf_counter() - start)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
