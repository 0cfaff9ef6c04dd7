"""Reference for UNet++ ("X-net") and DLA ("Nest-net") on exchangeable encoders.

Written from SPEC-004 sections 1.3 and 1.4 before the C++. Run it with

    python3 tools/reference/nested_unet.py

It asserts the parameter counts and the table of widths of the specification and writes
tests/golden/{unet_plus_plus,dla}_*.json. It never runs at test time.
"""
import torch

import golden
from encoder_unet import ENCODERS, block, frozen

WIDTHS = (32, 64, 128, 256, 16)  # of rows 0 to 4, as the Keras code indexes them


def nested_unet(encoder, nesting, kind="upsampling", widths=WIDTHS, log=None):
    def net(x, book):
        taps = ENCODERS[encoder](x, book, "encoder")
        enc = {r: taps[f"x{2 ** r}"] for r in range(1, 6)}
        down = {r: taps.get(f"coarse{2 ** r}", enc[r]) for r in range(2, 6)}
        node = {}
        for j in range(1, 5):
            for r in range(1, 6 - j):
                up = down[r + 1] if j == 1 else node[r + 1, j - 1]
                if j == 1:
                    skips = [enc[r]]
                elif nesting == "unet_plus_plus":
                    skips = [enc[r]] + [node[r, i] for i in range(1, j)]
                else:
                    skips = [node[r, j - 1]]
                if log is not None:
                    log[r, j] = (up.shape[1], sum(s.shape[1] for s in skips))
                node[r, j] = block(up, skips, book, f"node{r}_{j}", widths[r], kind)
        x = block(node[1, 4], [], book, "node0_5", widths[0], kind)
        return book.conv(x, "head", 1, 3, padding=1)
    return net


PAPER = {  # not frozen, frozen
    ("unet_plus_plus", "densenet121"): ((14_398_561, 88_448), (7_528_353, 6_958_656)),
    ("unet_plus_plus", "inception_v3"): ((30_429_569, 39_232), (8_678_433, 21_790_368)),
    ("unet_plus_plus", "resnet50_preact"): ((34_336_676, 50_374), (10_881_764, 23_505_286)),
    ("dla", "densenet121"): ((13_145_185, 88_448), (6_274_977, 6_958_656)),
    ("dla", "inception_v3"): ((28_955_009, 39_232), (7_203_873, 21_790_368)),
    ("dla", "resnet50_preact"): ((32_198_564, 50_374), (8_743_652, 23_505_286)),
}
ORDER = ((1, 1), (2, 1), (3, 1), (4, 1), (1, 2), (2, 2), (3, 2), (1, 3), (2, 3), (1, 4))
INPUTS = {  # channels from below and from the row, the specification's table
    ("unet_plus_plus", "densenet121"): ((128, 64), (256, 128), (512, 256), (1024, 512), (128, 128),
                                        (256, 256), (16, 512), (128, 192), (256, 384), (128, 256)),
    ("dla", "densenet121"): ((128, 64), (256, 128), (512, 256), (1024, 512), (128, 64),
                             (256, 128), (16, 256), (128, 64), (256, 128), (128, 64)),
    ("unet_plus_plus", "inception_v3"): ((192, 64), (288, 192), (768, 288), (2048, 768), (128, 128),
                                         (256, 320), (16, 544), (128, 192), (256, 448), (128, 256)),
    ("dla", "inception_v3"): ((192, 64), (288, 192), (768, 288), (2048, 768), (128, 64),
                              (256, 128), (16, 256), (128, 64), (256, 128), (128, 64)),
    ("unet_plus_plus", "resnet50_preact"): ((256, 64), (512, 256), (1024, 512), (2048, 1024),
                                            (128, 128), (256, 384), (16, 768), (128, 192),
                                            (256, 512), (128, 256)),
    ("dla", "resnet50_preact"): ((256, 64), (512, 256), (1024, 512), (2048, 1024), (128, 64),
                                 (256, 128), (16, 256), (128, 64), (256, 128), (128, 64)),
}


def main():
    for (nesting, encoder), (free, fixed) in PAPER.items():
        log = {}
        net = nested_unet(encoder, nesting, log=log)
        assert golden.counts(net, 3, 32) == free, (nesting, encoder, golden.counts(net, 3, 32))
        assert frozen(net) == fixed, (nesting, encoder, frozen(net))
        assert tuple(log[at] for at in ORDER) == INPUTS[nesting, encoder], (nesting, encoder, log)
        golden.write(f"{nesting}_{encoder}", f"{nesting}_{encoder}", "",
                     nested_unet(encoder, nesting), (2, 3, 64, 64))
    transpose = nested_unet("resnet50_preact", "unet_plus_plus", "transpose")
    print("unet_plus_plus_resnet50_transpose", golden.counts(transpose, 3, 32))
    golden.write("unet_plus_plus_resnet50_transpose", "unet_plus_plus_resnet50_transpose",
                 "widths = [6, 8, 12, 20, 10]",
                 nested_unet("resnet50_preact", "unet_plus_plus", "transpose", (6, 8, 12, 20, 10)),
                 (2, 3, 64, 64))


if __name__ == "__main__":
    main()
