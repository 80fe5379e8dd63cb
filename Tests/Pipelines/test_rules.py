"""The rule editor: which sentences it understands, and what each does to the pixels."""

import io
import os
import resource
import struct
import sys
import tempfile
import unittest
import zlib
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "Sources/Pipelines"))

import protocol  # noqa: E402
import rules  # noqa: E402
from PIL import Image, ImageCms, ImageChops, ImageStat  # noqa: E402

PHOTOS = ROOT / "Tests/Photos"

UNDERSTOOD = {  # instruction → (start of the ability's sentence, strength) for each clause
    # the examples of the former HTTP API
    "Make the sky blue and add clouds": [("make the sky blue", 1), ("add clouds", 1)],
    "Make the sky blue": [("make the sky blue", 1)],
    "Add a sunset": [("add a sunset", 1)],
    "Make it winter": [("make it winter", 1)],
    "Add rain": [("add rain", 1)],
    "add snow": [("add snow", 1)],
    # black and white is one edit, not two clauses
    "make it black and white": [("make it black and white", 1)],
    "MAKE IT BLACK AND WHITE.": [("make it black and white", 1)],
    "black-and-white, please!": [("make it black and white", 1)],
    "make it black and white and blur it": [("make it black and white", 1), ("blur", 1)],
    "blur it and make it black and white": [("blur", 1), ("make it black and white", 1)],
    "turn the photo into black & white & blur it": [("make it black and white", 1), ("blur", 1)],
    "grayscale": [("make it black and white", 1)],
    "convert to greyscale": [("make it black and white", 1)],
    "make it monochrome": [("make it black and white", 1)],
    # amounts
    "brighter": [("make it brighter", 1)],
    "make it a little brighter": [("make it brighter", 0.5)],
    "brighten it up a bit": [("make it brighter", 0.5)],
    "make this photo much darker": [("make it darker", 2)],
    "Darken": [("make it darker", 1)],
    "slightly more contrast": [("more contrast", 0.5)],
    "increase the contrast of the image a lot": [("more contrast", 2)],
    "decrease contrast": [("less contrast", 1)],
    "add contrast": [("more contrast", 1)],
    "blur it a lot": [("blur", 2)],
    "make it blurry": [("blur", 1)],
    "add lots of snow": [("add snow", 2)],
    # the rest of the table
    "sepia": [("make it sepia", 1)],
    "add a sepia tone": [("make it sepia", 1)],
    "make it sepia": [("make it sepia", 1)],
    "make it warmer": [("make it warmer", 1)],
    "warm up the picture": [("make it warmer", 1)],
    "cooler": [("make it cooler", 1)],
    "sharpen the image": [("sharpen", 1)],
    "make it more colourful": [("more colour", 1)],
    "less saturation": [("less colour", 1)],
    "invert the colors": [("invert colours", 1)],
    "flip horizontally": [("flip horizontally", 1)],
    "mirror it vertically": [("flip horizontally", 1)],
    "rotate 90": [("rotate", 1)],
    "rotate it 270 degrees to the left": [("rotate", 1)],
    "rotate left by 90°": [("rotate", 1)],
    "rotate counter-clockwise": [("rotate", 1)],
    "let it rain": [("add rain", 1)],
    "make it look like winter": [("make it winter", 1)],
    "add some clouds to the sky": [("add clouds", 1)],
    # joining and politeness
    "Can you please make it warmer, then sharpen it and then rotate 90 left?":
        [("make it warmer", 1), ("sharpen", 1), ("rotate", 1)],
    "blur;sharpen\nsepia": [("blur", 1), ("sharpen", 1), ("make it sepia", 1)],
    "make  it\tbrighter , and please , warmer": [("make it brighter", 1), ("make it warmer", 1)],
}

REFUSED = {  # instruction → the clause that the answer must name
    "put a cat on her head": "put a cat on her head",
    "make it black and white and Add a Dragon": "Add a Dragon",
    "add a dragon and make it sepia": "add a dragon",
    "make the sky green": "make the sky green",
    "make the sky blue and white": "white",
    "make it black": "make it black",
    "don't blur it": "don't blur it",
    "do not make it warmer": "do not make it warmer",
    "blur the background": "blur the background",
    "rotate": "rotate",
    "rotate 45": "rotate 45",
    "rotate -90": "rotate -90",
    "rotate 900": "rotate 900",
    "rotate left 90 right": "rotate left 90 right",
    "flip": "flip",
    "make it slightly black and white": "make it slightly black and white",
    "more": "more",
    "contrast": "contrast",
    "remove the rain": "remove the rain",
    "less snow": "less snow",
    "é\x00\u202e": "é\x00\u202e",
}


def edited(image, instruction, seed=1, **save_options):
    """What the pipeline makes of an image: the whole way through files."""
    with tempfile.TemporaryDirectory() as folder:
        source, output = os.path.join(folder, "in"), os.path.join(folder, "out.part")
        if isinstance(image, bytes):
            Path(source).write_bytes(image)
        else:
            image.save(source, **{"format": "PNG", **save_options})
        run(source, instruction, output, seed)
        result = Image.open(io.BytesIO(Path(output).read_bytes()))
        result.load()
        return result


def run(source, instruction, output, seed=1, progress=lambda step, steps: None):
    request = protocol.Request("job", str(source), instruction, str(output), seed)
    with mock.patch("rules.log"):
        rules.Rules().edit(request, progress)


def corners():
    """40x20, its quarters red, green, blue and white, in reading order."""
    image = Image.new("RGB", (40, 20), "white")
    for colour, place in (("red", (0, 0)), ("lime", (20, 0)), ("blue", (0, 10))):
        image.paste(colour, (*place, place[0] + 20, place[1] + 10))
    return image


def quarters(image):
    names = {(255, 0, 0): "R", (0, 255, 0): "G", (0, 0, 255): "B", (255, 255, 255): "W"}
    w, h = image.size
    places = (w // 4, h // 4), (3 * w // 4, h // 4), (w // 4, 3 * h // 4), (3 * w // 4, 3 * h // 4)
    return "".join(names.get(image.getpixel(place)[:3], "?") for place in places)


def photo(name="rocket.jpg"):
    with Image.open(PHOTOS / name) as image:
        return image.convert("RGB")


def mean(image, box=None):
    return ImageStat.Stat(image.convert("RGB").crop(box) if box else image.convert("RGB")).mean


class Sentences(unittest.TestCase):
    def test_every_listed_sentence_is_understood_as_meant(self):
        for instruction, expected in UNDERSTOOD.items():
            with self.subTest(instruction):
                steps = rules.plan(instruction)
                self.assertEqual(len(steps), len(expected))
                for (ability, _, strength), (sentence, amount) in zip(steps, expected):
                    self.assertTrue(ability.sentence.startswith(sentence), ability.sentence)
                    self.assertEqual(strength, amount)

    def test_everything_the_editor_offers_is_understood_as_that_very_edit(self):
        for ability in rules.ABILITIES:
            with self.subTest(ability.sentence):
                self.assertEqual({step[0] for step in rules.plan(ability.sentence)}, {ability})

    def test_an_unknown_clause_refuses_the_whole_job_and_is_named_with_the_list(self):
        for instruction, clause in REFUSED.items():
            with self.subTest(instruction), self.assertRaises(protocol.EditError) as refusal:
                rules.plan(instruction)
            error = refusal.exception
            self.assertEqual((error.kind, error.retryable), ("bad-request", False))
            self.assertTrue(str(error).startswith(f'"{clause}" was not understood.'), error)
            for sentence in rules.describe():
                self.assertIn(sentence, str(error))

    def test_an_instruction_without_a_clause_is_refused_as_empty(self):
        for instruction in ("", "  \n", ", ;", "please", "and then"):
            with self.subTest(instruction), self.assertRaisesRegex(protocol.EditError, "is empty"):
                rules.plan(instruction)

    def test_a_long_hostile_instruction_is_refused_quickly(self):
        for text in ("make it " * 60, "rotate" + " " * 480, "this that my " * 38, "and " * 120):
            with self.subTest(text[:20]), self.assertRaises(protocol.EditError):
                before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
                try:
                    rules.plan(text[:500])
                finally:
                    used = resource.getrusage(resource.RUSAGE_SELF).ru_utime - before
                    self.assertLess(used, 0.5)


class Pixels(unittest.TestCase):
    def test_black_and_white_has_no_colour_left(self):
        red, green, blue = edited(photo(), "make it black and white").split()
        self.assertEqual(red.tobytes(), green.tobytes())
        self.assertEqual(green.tobytes(), blue.tobytes())
        self.assertEqual(red.tobytes(), photo().convert("L").tobytes())

    def test_sepia_is_brown_everywhere_between_black_and_white(self):
        red, green, blue = edited(photo("cat.png"), "sepia").split()
        for stronger, weaker in ((red, green), (green, blue)):
            self.assertEqual(ImageChops.subtract(weaker, stronger).getextrema(), (0, 0))
            self.assertGreater(ImageChops.subtract(stronger, weaker).getextrema()[1], 15)

    def test_tone_edits_move_the_picture_in_the_named_direction(self):
        def measures(image):
            statistics = ImageStat.Stat(image.convert("RGB"))
            colour = ImageStat.Stat(image.convert("HSV")).mean[1]
            return {"light": sum(statistics.mean), "spread": sum(statistics.stddev),
                    "colour": colour, "warmth": statistics.mean[0] - statistics.mean[2]}
        source = photo("cat.png")
        before = measures(source)
        for instruction, measure, sign in (
                ("make it brighter", "light", 1), ("make it darker", "light", -1),
                ("more contrast", "spread", 1), ("less contrast", "spread", -1),
                ("more saturation", "colour", 1), ("less saturation", "colour", -1),
                ("make it warmer", "warmth", 1), ("make it cooler", "warmth", -1)):
            changes = [sign * (measures(edited(source, text))[measure] - before[measure])
                       for text in (f"{instruction} a little", instruction, f"{instruction} a lot")]
            with self.subTest(instruction):
                self.assertTrue(1 < changes[0] < changes[1] < changes[2], changes)

    def test_warmth_moves_red_and_blue_against_each_other(self):
        before = mean(photo("cat.png"))
        for instruction, sign in (("make it warmer", 1), ("make it cooler", -1)):
            after = mean(edited(photo("cat.png"), instruction))
            self.assertGreater(sign * (after[0] - before[0]), 5)
            self.assertAlmostEqual(after[1], before[1], delta=0.01)
            self.assertLess(sign * (after[2] - before[2]), -5)

    def test_blur_and_sharpen_change_the_edges_and_not_the_light(self):
        def edges(image):
            shifted = ImageChops.offset(image, 1, 0)
            return sum(ImageStat.Stat(ImageChops.difference(image, shifted)).mean)
        source = photo("cat.png")
        blurred, sharp = edited(source, "blur it"), edited(source, "sharpen it")
        self.assertLess(edges(blurred), 0.6 * edges(source))
        self.assertGreater(edges(sharp), 1.3 * edges(source))
        for result in (blurred, sharp):
            for now, then in zip(mean(result), mean(source)):
                self.assertAlmostEqual(now, then, delta=2)

    def test_invert_turns_every_value_around(self):
        self.assertEqual(edited(photo(), "invert").tobytes(),
                         ImageChops.invert(photo()).tobytes())

    def test_rotation_goes_right_unless_left_is_asked_for(self):
        for instruction, expected in (
                ("rotate 90", "BRWG"), ("rotate 90 right", "BRWG"), ("rotate right", "BRWG"),
                ("rotate clockwise", "BRWG"), ("rotate 90 left", "GWRB"), ("rotate left", "GWRB"),
                ("rotate 90 degrees counterclockwise", "GWRB"), ("rotate 180", "WBGR"),
                ("rotate to the left by 180°", "WBGR"), ("rotate 270", "GWRB"),
                ("rotate 270 left", "BRWG"), ("rotate 90 then rotate 90 left", "RGBW")):
            with self.subTest(instruction):
                result = edited(corners(), instruction)
                self.assertEqual(quarters(result), expected)
                self.assertEqual(result.size, (40, 20) if "180" in instruction
                                 or expected == "RGBW" else (20, 40))

    def test_flips_keep_the_other_direction(self):
        self.assertEqual(quarters(edited(corners(), "flip horizontally")), "GRWB")
        self.assertEqual(quarters(edited(corners(), "mirror vertically")), "BWRG")

    def test_a_blue_sky_is_blue_and_the_ground_stays(self):
        sky, tower = (260, 20, 520, 120), (315, 200, 329, 380)
        before, after = photo(), edited(photo(), "make the sky blue")
        self.assertGreater(mean(after, sky)[2] - mean(before, sky)[2], 30)
        self.assertGreater(mean(after, sky)[2], 2 * mean(after, sky)[0])
        for now, then in zip(mean(after, tower), mean(before, tower)):
            self.assertAlmostEqual(now, then, delta=3)

    def test_the_sky_is_looked_for_in_the_photo_as_it_came(self):
        """Once the top of the cat was tinted blue, "add clouds" took the cat for sky."""
        before = photo("cat.png")
        after = edited(before, "make the sky blue and add clouds")
        face = 0, 180, 451, 300
        self.assertEqual(after.crop(face).tobytes(), before.crop(face).tobytes())
        self.assertNotEqual(after.tobytes(), edited(before, "make the sky blue").tobytes())

    def test_clouds_reach_the_horizon_of_a_sky_that_was_recoloured_before(self):
        """In the orange sky of a sunset no sky was found, and only the top got clouds."""
        low = 90, 200, 300, 330
        plain = edited(photo(), "add a sunset").crop(low)
        cloudy = edited(photo(), "add a sunset and lots of clouds").crop(low)
        self.assertGreater(sum(mean(ImageChops.difference(plain, cloudy))), 10)

    def test_the_sky_is_at_the_top_of_the_turned_photo(self):
        sideways = photo().transpose(Image.Transpose.ROTATE_90)
        self.assertEqual(edited(sideways, "rotate 90 right and make the sky blue").tobytes(),
                         edited(photo(), "make the sky blue").tobytes())

    def test_drawn_edits_change_the_photo_as_they_say(self):
        before = mean(photo())
        after = {text: mean(edited(photo(), text)) for text in
                 ("add clouds", "add a sunset", "make it winter", "add snow")}
        self.assertGreater(sum(after["add clouds"]), sum(before) + 30)
        self.assertGreater(after["add a sunset"][0] - after["add a sunset"][2], 40)
        self.assertGreater(sum(after["make it winter"]), sum(before) + 60)
        self.assertGreater(sum(after["add snow"]), sum(before) + 15)
        rainy = edited(photo("cat.png"), "add rain").convert("HSV")
        dry = photo("cat.png").convert("HSV")
        self.assertLess(ImageStat.Stat(rainy).mean[1], 0.7 * ImageStat.Stat(dry).mean[1])

    def test_every_edit_works_on_tiny_and_odd_pictures(self):
        for size in ((1, 1), (1, 300), (300, 1), (2, 3), (17, 9)):
            for ability in rules.ABILITIES:
                for mode in ("RGB", "RGBA"):
                    with self.subTest(size=size, edit=ability.sentence, mode=mode):
                        result = edited(Image.new(mode, size, "skyblue"), ability.sentence)
                        self.assertEqual(sorted(result.size), sorted(size))
                        self.assertEqual(result.mode, mode)


class Chance(unittest.TestCase):
    def test_the_seed_alone_decides_what_is_drawn(self):
        with tempfile.TemporaryDirectory() as folder:
            for sentence in ("add clouds", "add a sunset", "make it winter", "add rain",
                             "add snow"):
                outputs = []
                for seed in (7, 7, 2**63 - 1):
                    output = Path(folder, f"{len(outputs)}")
                    run(PHOTOS / "rocket.jpg", sentence, output, seed)
                    outputs.append(output.read_bytes())
                with self.subTest(sentence):
                    self.assertEqual(outputs[0], outputs[1])
                    self.assertNotEqual(outputs[0], outputs[2])

    def test_edits_without_chance_do_not_depend_on_the_seed(self):
        for sentence in ("make the sky blue", "sepia", "blur"):
            with self.subTest(sentence):
                self.assertEqual(edited(photo(), sentence, seed=1).tobytes(),
                                 edited(photo(), sentence, seed=2).tobytes())


def profile_of(space):
    """An ICC header that claims a colour space; enough to see whether it is carried."""
    return b"\0" * 16 + space + b"\0" * 108


class Formats(unittest.TestCase):
    """`rotate 180` twice leaves pixels alone, so the result shows how the image was read."""

    SAME = "rotate 180 and rotate 180"

    def read(self, image, **options):
        return edited(image, self.SAME, **options)

    def test_all_eight_exif_orientations_come_out_upright(self):
        turns = Image.Transpose
        stored = {1: None, 2: turns.FLIP_LEFT_RIGHT, 3: turns.ROTATE_180,
                  4: turns.FLIP_TOP_BOTTOM, 5: turns.TRANSPOSE, 6: turns.ROTATE_90,
                  7: turns.TRANSVERSE, 8: turns.ROTATE_270}
        for orientation, turn in stored.items():
            exif = Image.Exif()
            exif[0x0112] = orientation
            image = corners() if turn is None else corners().transpose(turn)
            for format in ("PNG", "JPEG"):
                with self.subTest(orientation=orientation, format=format):
                    result = self.read(image, format=format, exif=exif, **(
                        {"quality": 100, "subsampling": 0} if format == "JPEG" else {}))
                    rounded = result.point(lambda value: 255 * (value > 127))
                    self.assertEqual((result.size, quarters(rounded)), ((40, 20), "RGBW"))
                    self.assertEqual(dict(result.getexif()), {})

    def test_a_damaged_exif_block_does_not_spoil_the_photo(self):
        result = self.read(corners(), exif=b"Exif\0\0no TIFF")
        self.assertEqual(quarters(result), "RGBW")

    def test_palette_pictures_keep_colours_and_transparency(self):
        palette = corners().quantize(4)
        self.assertEqual(self.read(palette).mode, "RGB")
        self.assertEqual(quarters(self.read(palette)), "RGBW")
        clear = palette.getpixel((0, 0))
        for transparency in (clear, bytes(0 if i == clear else 255 for i in range(4))):
            result = self.read(palette, transparency=transparency)
            self.assertEqual(result.mode, "RGBA")
            self.assertEqual(result.getpixel((2, 2))[3], 0)
            self.assertEqual(result.getpixel((30, 2)), (0, 255, 0, 255))

    def test_grey_pictures_become_rgb_with_the_same_grey(self):
        for mode, white, value in (("1", 1, 255), ("L", 77, 77)):
            result = self.read(Image.new(mode, (4, 4), white))
            self.assertEqual((result.mode, result.getpixel((1, 1))), ("RGB", (value,) * 3))
        result = self.read(Image.new("LA", (4, 4), (77, 88)))
        self.assertEqual((result.mode, result.getpixel((1, 1))), ("RGBA", (77, 77, 77, 88)))

    def test_sixteen_bit_grey_keeps_its_brightness(self):
        values = 0, 257, 32896, 60000, 65535
        chunks = [(b"IHDR", struct.pack(">IIBBBBB", len(values), 1, 16, 0, 0, 0, 0)),
                  (b"tRNS", struct.pack(">H", 60000)),  # Pillow cannot look it up: stays opaque
                  (b"IDAT", zlib.compress(struct.pack(">B5H", 0, *values))), (b"IEND", b"")]
        for used in (chunks, [chunk for chunk in chunks if chunk[0] != b"tRNS"]):
            png = b"\x89PNG\r\n\x1a\n" + b"".join(
                struct.pack(">I", len(data)) + name + data
                + struct.pack(">I", zlib.crc32(name + data)) for name, data in used)
            result = self.read(png)
            self.assertEqual([result.getpixel((x, 0)) for x in range(5)],
                             [(grey, grey, grey) for grey in (0, 1, 128, 233, 255)])

    def test_transparency_survives_every_edit(self):
        image = corners().convert("RGBA")
        alpha = Image.linear_gradient("L").resize((40, 20))
        image.putalpha(alpha)
        for ability in rules.ABILITIES:
            if ability.edit in (rules.rotate, rules.flip):
                continue
            with self.subTest(ability.sentence):
                result = edited(image, ability.sentence)
                self.assertEqual(result.getchannel("A").tobytes(), alpha.tobytes())
        turned = edited(image, "rotate 180").getchannel("A")
        self.assertEqual(turned.tobytes(), alpha.transpose(Image.Transpose.ROTATE_180).tobytes())

    def test_blur_does_not_draw_in_what_transparent_pixels_hide(self):
        image = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
        image.paste((255, 255, 255, 255), (0, 0, 20, 40))
        result = edited(image, "blur it a lot")
        self.assertGreater(min(result.getpixel((19, 20))[:3]), 250)

    def test_cmyk_is_converted_and_its_profile_is_not_kept(self):
        cyan = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
        for options in ({}, {"icc_profile": profile_of(b"CMYK")}):
            result = self.read(cyan, format="JPEG", quality=100, **options)
            red, green, blue = result.getpixel((4, 4))
            self.assertEqual(result.mode, "RGB")
            self.assertTrue(red < 40 and green > 120 and blue > 150, (red, green, blue))
            self.assertNotIn("icc_profile", result.info)

    def test_a_profile_of_another_colour_space_is_converted_with_imagecms(self):
        source = Image.new("L", (8, 8), 90)
        with mock.patch("rules.ImageCms.ImageCmsProfile"), mock.patch(
                "rules.ImageCms.profileToProfile", return_value=Image.new("RGB", (8, 8), "lime")
        ) as convert:
            result = self.read(source, icc_profile=profile_of(b"GRAY"))
        self.assertEqual(convert.call_args.kwargs["outputMode"], "RGB")
        self.assertEqual(result.getpixel((0, 0)), (0, 255, 0))
        self.assertNotIn("icc_profile", result.info)

    def test_an_rgb_profile_is_kept(self):
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        for mode in ("RGB", "RGBA"):
            result = self.read(corners().convert(mode), icc_profile=profile)
            self.assertEqual(result.info.get("icc_profile"), profile)

    def test_the_first_frame_of_several_is_taken(self):
        first, second = corners(), Image.new("RGB", (40, 20), "black")
        result = self.read(first, save_all=True, append_images=[second])
        self.assertEqual(quarters(result), "RGBW")
        result = self.read(first, format="MPO", save_all=True, append_images=[second],
                           quality=100, subsampling=0)
        self.assertEqual(quarters(result.point(lambda value: 255 * (value > 127))), "RGBW")


class Failures(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.output = self.folder / "result"

    def failure(self, source, instruction="sepia", **options):
        with self.assertRaises(Exception) as caught:
            run(source, instruction, self.output, **options)
        self.assertFalse(self.output.exists())
        error = caught.exception
        return (error.kind, error.retryable) if isinstance(error, protocol.EditError) else error

    def test_what_is_no_whole_image_is_a_bad_image(self):
        png, jpeg = (PHOTOS / "cat.png").read_bytes(), (PHOTOS / "rocket.jpg").read_bytes()
        gif = io.BytesIO()
        corners().save(gif, "GIF")
        for name, data in {
                "empty": b"", "text": b"hello", "half a PNG": png[:len(png) // 2],
                "half a JPEG": jpeg[:len(jpeg) // 2], "PNG with a wrong checksum":
                png[:50000] + bytes(64) + png[50064:], "JPEG header only": jpeg[:200],
                "PNG signature only": png[:8], "GIF": gif.getvalue()}.items():
            source = self.folder / "source"
            source.write_bytes(data)
            with self.subTest(name):
                self.assertEqual(self.failure(source), ("bad-image", False))

    def test_an_image_with_too_many_pixels_is_refused_before_it_is_decoded(self):
        corners().save(self.folder / "source", "PNG")
        with mock.patch("rules.MAX_PIXELS", 799), mock.patch("PIL.Image.Image.load") as load:
            self.assertEqual(self.failure(self.folder / "source"), ("bad-image", False))
        load.assert_not_called()

    def test_an_image_that_cannot_be_read_may_be_tried_again(self):
        self.assertEqual(self.failure(self.folder / "missing"), ("io", True))
        self.assertEqual(self.failure(self.folder), ("io", True))

    def test_too_little_memory_is_no_bad_image(self):
        with mock.patch("rules.Image.open", side_effect=MemoryError):
            self.assertIsInstance(self.failure(PHOTOS / "cat.png"), MemoryError)

    def test_an_instruction_is_refused_before_the_image_is_opened(self):
        self.assertEqual(self.failure(self.folder / "missing", "add a dragon"),
                         ("bad-request", False))

    def test_a_cancelled_edit_stops_at_the_next_clause(self):
        steps = []

        def progress(step, total):
            steps.append((step, total))
            if step == 2:
                raise protocol.Cancelled()
        with mock.patch("rules.write_output") as write:
            error = self.failure(PHOTOS / "cat.png", "sepia, blur, sharpen", progress=progress)
        self.assertEqual((error, steps), (("cancelled", False), [(1, 3), (2, 3)]))
        write.assert_not_called()

    def test_an_output_that_cannot_be_opened_may_be_tried_again(self):
        self.output = self.folder / "nowhere" / "result"
        self.assertEqual(self.failure(PHOTOS / "cat.png"), ("io", True))

    def test_a_full_disk_is_no_bad_image_and_leaves_no_file(self):
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        try:
            self.assertEqual(self.failure(PHOTOS / "cat.png"), ("io", True))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    def test_the_result_is_a_png_of_mode_0644_less_the_umask(self):
        for umask, mode in ((0o022, 0o644), (0o002, 0o644), (0o077, 0o600)):
            before = os.umask(umask)
            try:
                run(PHOTOS / "cat.png", "sepia", self.output)
            finally:
                os.umask(before)
            self.assertEqual(self.output.stat().st_mode & 0o777, mode)
            self.assertEqual(self.output.read_bytes()[:8], b"\x89PNG\r\n\x1a\n")
            self.output.unlink()


if __name__ == "__main__":
    unittest.main()
