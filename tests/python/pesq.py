"""PESQ, narrow band (ITU-T P.862 and P.862.1), of a recording against its reference.

    pesq.py REFERENCE.wav HEARD.wav

Both have one channel of 16 bits; the reference is sampled at 8 kHz, the recording at a multiple of
that. Where the reference begins in the recording is found by cross-correlation, at the recording's
rate, before it is decimated. Prints one JSON object.
"""

import json
import os
import sys
import wave

# The folder of this file comes first in the search path, and this file has the module's name.
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path = [folder for folder in sys.path if os.path.abspath(folder or ".") != HERE]

import numpy
import scipy.signal
from pesq import pesq

RATE_HZ = 8000


def read(path):
    """The sample rate, and the samples from -1 to 1."""
    with wave.open(path, "rb") as file:
        if (file.getnchannels(), file.getsampwidth()) != (1, 2):
            sys.exit(f"{path}: not one channel of 16 bits")
        samples = numpy.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
        return file.getframerate(), samples / 32768.0


def aligned(reference, heard, factor):
    """The part of `heard` that is the reference, at 8 kHz, and where it began, in its samples."""
    likeness = scipy.signal.correlate(
        heard, scipy.signal.resample_poly(reference, factor, 1), mode="full", method="fft"
    )
    start = int(numpy.argmax(likeness)) - (len(reference) * factor - 1)
    length = len(reference) * factor
    # What lies outside of the recording was not heard.
    padded = numpy.concatenate([numpy.zeros(length), heard, numpy.zeros(length)])
    part = padded[start + length : start + 2 * length]
    return scipy.signal.resample_poly(part, 1, factor), start


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    rate, reference = read(sys.argv[1])
    heard_rate, heard = read(sys.argv[2])
    if rate != RATE_HZ or heard_rate % RATE_HZ != 0:
        sys.exit(f"sample rates {rate} and {heard_rate}; wanted {RATE_HZ} and a multiple of it")
    part, start = aligned(reference, heard, heard_rate // RATE_HZ)
    noise = numpy.sum((part - reference) ** 2)
    ratio = 10 * numpy.log10(numpy.sum(reference**2) / noise) if noise > 0 else None
    print(
        json.dumps(
            {
                "reference": os.path.basename(sys.argv[1]),
                "heard": os.path.basename(sys.argv[2]),
                "pesq": round(float(pesq(RATE_HZ, reference, part, "nb")), 3),
                "start_ms": round(1000 * start / heard_rate, 2),
                "signal_to_difference_db": None if ratio is None else round(float(ratio), 1),
            }
        )
    )


if __name__ == "__main__":
    main()
