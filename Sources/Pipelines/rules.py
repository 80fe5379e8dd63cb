"""The default pipeline: a rule editor. It has a fixed list of photo edits and no AI.

An instruction is split into clauses at commas, "and", "then", full stops and line breaks. Each
clause must match one row of ABILITIES in full; one that does not refuses the whole job, so that
nobody gets half of what was asked. `system_prompt` is ignored: there is no model to prompt.

Colour and geometry edits are exact. The rest is tinted or drawn over the photo and does not know
what it shows: clouds, rain and snow are drawn, "sunset" is warm light with a glow, "winter" a cold
grade with snowflakes. The sky is the smooth bluish or pale area that touches the top edge. Where
there is none, the top of the picture is tinted instead, as with a photographer's graduated filter:
at a counter a mild edit is better than an error for a photo taken indoors.

Chance (flakes, drops, clouds, the place of the sun) comes from `seed` alone. The result is RGB, or
RGBA where the photo has transparency; EXIF is not kept (its orientation is applied), an RGB colour
profile is, other profiles are converted to sRGB.
"""

import functools
import io
import random
import re
from dataclasses import dataclass, replace

from protocol import EditError, cannot_start, log, serve, write_output

try:
    from PIL import (Image, ImageChops, ImageCms, ImageDraw, ImageEnhance, ImageFilter, ImageOps,
                     ImageStat)
except ImportError as error:
    cannot_start(f"The pipeline 'rules' needs Pillow ({error}): apt install python3-pil")

MAX_PIXELS = 64_000_000  # about 2 GB while editing


TURNS = Image.Transpose
EXIF_ORIENTATION = 0x0112
UPRIGHT = {2: TURNS.FLIP_LEFT_RIGHT, 3: TURNS.ROTATE_180, 4: TURNS.FLIP_TOP_BOTTOM,
           5: TURNS.TRANSPOSE, 6: TURNS.ROTATE_270, 7: TURNS.TRANSVERSE, 8: TURNS.ROTATE_90}


def read_photo(path):
    """The upright first frame as RGB or RGBA, and its colour profile (None: sRGB)."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        message = f"Cannot read the image {path}: {error.strerror}."
        raise EditError("io", message, retryable=True) from error
    try:
        image = Image.open(io.BytesIO(data), formats=("JPEG", "PNG"))
        if image.width * image.height > MAX_PIXELS:
            raise EditError("bad-image", f"The image is too large ({image.width}x{image.height}).")
        image.load()
    except (EditError, MemoryError):
        raise
    except Exception as error:  # Pillow's decoders raise nearly anything for damaged files
        message = "The image cannot be opened: it is damaged, incomplete, or no JPEG or PNG."
        log(f"{path}: {type(error).__name__}: {error}")
        raise EditError("bad-image", message) from error
    turn = UPRIGHT.get(orientation(image))
    image, profile = to_colour(image)
    return (image if turn is None else image.transpose(turn)), profile


def orientation(image):
    try:
        return image.getexif().get(EXIF_ORIENTATION)
    except Exception as error:  # a damaged EXIF block does not make a bad photo
        log(f"EXIF ignored: {error}")
        return None


def to_colour(image):
    """The image as RGB or RGBA, and the profile to keep."""
    profile = image.info.get("icc_profile")
    if image.mode[0] == "I":  # 16-bit greyscale
        image = image.convert("I").point(lambda value: value * (1 / 257)).convert("L")
        image.info.pop("transparency", None)  # one exact 16-bit grey; Pillow cannot look it up
    transparent = "transparency" in image.info or image.mode in ("LA", "PA", "RGBA")
    result = image.convert("RGBA" if transparent else "RGB")
    if profile and profile[16:20] != b"RGB ":  # CMYK or grey: does not fit the result
        colours = to_srgb(image, profile)
        if transparent:
            colours.putalpha(result.getchannel("A"))
        result, profile = colours, None
    return result, profile


def to_srgb(image, profile):
    try:
        image = image.convert("L") if image.mode in ("1", "LA") else image
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except Exception as error:  # ImageCms missing, or a profile that is damaged or does not fit
        log(f"colour profile ignored: {error}")
        return image.convert("RGB")


def write_photo(image, profile, path):
    buffer = io.BytesIO()
    image.save(buffer, "PNG", icc_profile=profile, compress_level=1)  # 6 takes 5 times as long
    write_output(path, buffer.getvalue())


@dataclass
class How:
    """What an edit needs to know besides the image it changes."""

    words: re.Match  # of the ability's pattern
    strength: float  # 0.5 for "a little", 2 for "much", else 1
    chance: random.Random
    scenery: "Scenery"


def on_colours(edit):
    """Lets an edit that only changes colours work on RGB; transparency stays as it was."""
    @functools.wraps(edit)
    def keeping_alpha(image, how):
        result = edit(image.convert("RGB"), how)
        if image.mode == "RGBA":
            result.putalpha(image.getchannel("A"))
        return result
    return keeping_alpha


def graded(make):
    """Turns `make(direction)` → edit into a factory of colour edits, e.g. brightness(+1)."""
    return lambda direction: on_colours(lambda image, how: make(image, direction * how.strength))


def curve(function):
    """A lookup table from a function of 0…1."""
    return [round(255 * min(1, max(0, function(value / 255)))) for value in range(256)]


def ramp(low, high):
    """A soft threshold: black up to `low`, white from `high` (the other way if high < low)."""
    def s_shape(value):
        t = min(1, max(0, (value - low) / (high - low)))
        return t * t * (3 - 2 * t)
    return curve(s_shape)


@on_colours
def black_and_white(image, how):
    return image.convert("L").convert("RGB")


@on_colours
def sepia(image, how):
    return ImageOps.colorize(image.convert("L"), "#1a1009", "#fff4de", mid="#9c7d5a")


@on_colours
def invert(image, how):
    return ImageOps.invert(image)


@graded
def brightness(image, amount):
    gamma, gain = 1.35 ** -amount, 1.06 ** amount
    return image.point(curve(lambda v: gain * v ** gamma) * 3)


@graded
def contrast(image, amount):
    return ImageEnhance.Contrast(image).enhance(1.35 ** amount)


@graded
def saturation(image, amount):
    return ImageEnhance.Color(image).enhance(1.5 ** amount)


@graded
def warmth(image, amount):
    """Bends red and blue against each other; black and white keep their place."""
    red, blue = 1.22 ** -amount, 1.28 ** amount
    return image.point(curve(lambda v: v ** red) + curve(lambda v: v) + curve(lambda v: v ** blue))


def filtered(image, kernel):
    """Filters visible colours only: what transparent pixels hide must not bleed into the rest."""
    if image.mode == "RGB":
        return image.filter(kernel)
    result = image.convert("RGBa").filter(kernel).convert("RGBA")
    result.putalpha(image.getchannel("A"))
    return result


def blur(image, how):
    return filtered(image, ImageFilter.GaussianBlur(max(1, 0.008 * how.strength * max(image.size))))


def sharpen(image, how):
    radius = max(1, max(image.size) / 600)
    return filtered(image, ImageFilter.UnsharpMask(radius, round(110 * how.strength), 2))


def rotate(image, how):
    angle = int(how.words["angle"] or 90)
    left = re.search("left|counter|anti", how.words["before"] or how.words["after"] or "right")
    turn = {90: TURNS.ROTATE_90, 180: TURNS.ROTATE_180, 270: TURNS.ROTATE_270}  # Pillow turns left
    return image.transpose(turn[angle if left else 360 - angle])


def flip(image, how):
    vertically = (how.words["way"] or "").startswith("vert")
    return image.transpose(TURNS.FLIP_TOP_BOTTOM if vertically else TURNS.FLIP_LEFT_RIGHT)


SMOOTH = Image.Resampling.BILINEAR
SKY_BLUE = (46, 108, 196), (168, 208, 240)  # above, at the horizon


def plain(image, colour):
    return Image.new("RGB", image.size, colour)


def gradient(*colours):
    """Colours spread evenly from top to bottom, one pixel wide; to be stretched."""
    column = Image.new("RGB", (1, len(colours)))
    column.putdata([tuple(colour) for colour in colours])
    return column.resize((1, 256), Image.Resampling.BICUBIC)


def noise(size, chance, columns, rows):
    """Smooth random grey: five layers of random dots, each twice as fine and half as strong."""
    field = None
    for octave in range(5):
        grid = columns << octave, rows << octave
        dots = Image.frombytes("L", grid, chance.randbytes(grid[0] * grid[1]))
        layer = dots.resize(size, Image.Resampling.BICUBIC)
        field = layer if field is None else Image.blend(field, layer, 1 / (2 ** (octave + 1) - 1))
    return ImageOps.autocontrast(field, cutoff=1)


def between(band, low, high):
    return band.point([255 * (low <= value <= high) for value in range(256)])


def all_of(*masks):
    return functools.reduce(ImageChops.darker, masks)


def sky_area(small):
    """The smooth bluish or pale area that touches the top edge, if it is a tenth of the picture."""
    hue, saturation, value = small.convert("HSV").split()
    bluish = all_of(between(hue, 125, 200), between(saturation, 36, 255), between(value, 25, 255))
    pale = all_of(between(saturation, 0, 60), between(value, 150, 255))
    edges = ImageOps.crop(small.convert("L").filter(ImageFilter.FIND_EDGES), 1)
    smooth = between(ImageOps.expand(edges, 1), 0, 40)  # the filter leaves the rim undone
    canvas = all_of(ImageChops.lighter(bluish, pale), smooth)
    canvas = ImageOps.expand(canvas, (0, 1, 0, 0), fill=255)  # one row to start the fill from
    ImageDraw.floodfill(canvas, (0, 0), 128)
    area = between(canvas.crop((0, 1, *canvas.size)), 128, 128)
    return area if area.histogram()[255] > 0.1 * area.width * area.height else None


class Scenery:
    """What is known of a photo before its colours are edited: where its sky is."""

    def __init__(self, photo):
        self.photo = photo.convert("RGB")

    @functools.cached_property
    def sky(self):
        """A soft mask, the height of its bottom (0…1), and whether there is a sky at all."""
        size = self.photo.size
        scale = 192 / max(size)
        small = self.photo.resize([max(8, round(side * scale)) for side in size], SMOOTH)
        area = sky_area(small)
        if area is None:
            fading = curve(lambda v: 0.7 * max(0, 1 - v / 0.6) ** 1.5)
            top = Image.linear_gradient("L").point(fading)
            return top.resize(size, SMOOTH), 0.6, False
        # Lattices and branches are finer than `area`: it is widened, then only what has the colour
        # of the sky around it counts.
        around = small.copy()
        around.putalpha(area)
        around = around.convert("RGBa").filter(ImageFilter.GaussianBlur(5)).convert("RGBA")
        distance = ImageChops.difference(self.photo, around.convert("RGB").resize(size, SMOOTH))
        alike = functools.reduce(ImageChops.lighter, distance.split()).point(ramp(0.2, 0.07))
        wide = area.filter(ImageFilter.MaxFilter(7)).filter(ImageFilter.GaussianBlur(2))
        mask = ImageChops.multiply(wide.resize(size, SMOOTH), alike)
        return mask, area.getbbox()[3] / area.height, True


def light_in(image, mask):
    """The mean lightness of a part of the image, 0…255."""
    return ImageStat.Stat(image.convert("L"), mask).mean[0]


def from_top(picture, size, height):
    """A canvas with the picture stretched over its upper part; below, its last row goes on."""
    rows = max(1, round(size[1] * height))
    picture = picture.resize((size[0], rows), SMOOTH)
    canvas = picture.crop((0, rows - 1, size[0], rows)).resize(size)
    canvas.paste(picture)
    return canvas


@on_colours
def blue_sky(image, how):
    mask, bottom, found = how.scenery.sky
    strength = min(1, 0.92 * how.strength)
    share = mask.point(curve(lambda v: v * strength))
    if not found:
        return Image.composite(ImageChops.multiply(image, plain(image, "#5f9cf5")), image, share)
    light = light_in(image, mask)
    shine = 0.6 + 0.4 * min(1, light / 150)  # at night a deep blue
    colours = [[round(channel * shine) for channel in colour] for colour in SKY_BLUE]
    paint = from_top(gradient(*colours), image.size, bottom)
    grey = image.convert("L").convert("RGB")  # the sky keeps its own lights and shadows
    paint = ImageChops.add(paint, grey, offset=-round(light))
    return Image.composite(paint, image, share)


@on_colours
def clouds(image, how):
    mask, bottom, _ = how.scenery.sky
    field = noise((640, 660), how.chance, 5, 6)
    nearer_above = 190, 0, 0, 660, 640, 660, 450, 0
    field = field.transform(field.size, Image.Transform.QUAD, nearer_above)
    field, below = field.crop((0, 0, 640, 640)), field.crop((0, 20, 640, 660))
    cover = field.point(ramp(0.62 - 0.14 * how.strength, 0.92 - 0.1 * how.strength))
    shade = ImageOps.colorize(below, "#ffffff", "#a9b3c2")
    light = light_in(image, mask)
    shade = ImageEnhance.Brightness(shade).enhance(0.55 + 0.45 * min(1, light / 110))
    shade = from_top(shade, image.size, bottom)
    paint = Image.blend(shade, ImageChops.screen(image, shade), 0.6)  # some of the sky's own colour
    cover = from_top(cover, image.size, bottom)
    return Image.composite(paint, image, ImageChops.multiply(mask, cover))


@on_colours
def sunset(image, how):
    mask, bottom, found = how.scenery.sky
    warm = warmth(+1.5)(image, how)
    lit = Image.blend(warm, ImageChops.multiply(warm, plain(image, "#ffb478")), 0.6)
    dusk = gradient((78, 62, 120), (214, 108, 92), (255, 164, 76)).resize(image.size, SMOOTH)
    lit = Image.composite(Image.blend(ImageChops.soft_light(lit, dusk), dusk, 0.55), lit, mask)
    x, y = how.chance.uniform(0.15, 0.85), min(0.9, bottom)
    if not found:  # light from the side, not on the subject
        x, y = round(x), 0.3
    radius = round(0.6 * max(image.size))
    spot = Image.radial_gradient("L").point(curve(lambda v: max(0, 1 - 1.42 * v) ** 2))
    glow = Image.new("L", image.size)
    glow.paste(spot.resize((2 * radius, 2 * radius), SMOOTH),
               (round(x * image.width) - radius, round(y * image.height) - radius))
    glow = ImageChops.lighter(ImageChops.multiply(glow, mask), glow.point(curve(lambda v: 0.6 * v)))
    return Image.composite(ImageChops.screen(lit, plain(image, "#ffc46a")), lit, glow)


def flakes(size, chance, count, radius):
    """Round dots of one distance, as a mask; large pictures are drawn at half size."""
    scale = 0.5 if max(size) > 800 else 1
    width, height = (max(1, round(side * scale)) for side in size)
    mask = Image.new("L", (width, height))
    draw = ImageDraw.Draw(mask)
    for _ in range(count):
        x, y = chance.uniform(0, width), chance.uniform(0, height)
        r = radius * scale * chance.uniform(0.6, 1.3)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=chance.randint(120, 255))
    mask = mask.filter(ImageFilter.GaussianBlur(max(0.5, radius * scale * 0.4)))
    return mask.resize(size, SMOOTH)


@on_colours
def snow(image, how):
    side = max(image.size)
    white = plain(image, "#fbfcff")
    image = Image.blend(image, white, 0.06)
    for count, radius in ((700, 0.0012), (260, 0.0026), (60, 0.006)):  # far to near
        layer = flakes(image.size, how.chance, round(count * how.strength), max(0.8, radius * side))
        image = Image.composite(white, image, layer)
    return image


@on_colours
def rain(image, how):
    side = max(image.size)
    dull = ImageEnhance.Color(image).enhance(0.6)
    image = Image.blend(dull, plain(image, "#5d6b7a"), 0.25)
    drops = Image.new("L", image.size)
    draw = ImageDraw.Draw(drops)
    slant = how.chance.uniform(-0.25, 0.25)
    for _ in range(round(900 * how.strength)):
        x = image.width * how.chance.uniform(-0.1, 1.1)
        y = image.height * how.chance.uniform(-0.1, 1)
        length = side * how.chance.uniform(0.015, 0.05)
        draw.line((x, y, x + slant * length, y + length), fill=how.chance.randint(50, 170),
                  width=max(1, round(side / 900)))
    drops = drops.filter(ImageFilter.GaussianBlur(side / 1600))
    return Image.composite(plain(image, "#e4ebf2"), image, drops)


@on_colours
def winter(image, how):
    cold = warmth(-1)(ImageEnhance.Color(image).enhance(0.45), how)
    cold = cold.point(curve(lambda v: 0.08 + 0.92 * v ** 0.85) * 3)
    frost = Image.radial_gradient("L").resize(image.size, SMOOTH)
    frost = frost.point(ramp(0.65, 1.2)).point(curve(lambda v: 0.8 * v))
    cold = Image.composite(plain(image, "#eef4fb"), cold, frost)
    return snow(cold, replace(how, strength=0.6))


IT = "(?: it)?"
MAKE = f"(?:(?:make|turn|convert|change|set){IT}(?: look)?(?: into| to| in| like)? )?"
ADD = f"(?:(?:add|put|draw|paint|apply|give|make){IT} )?(?:more )?"
SKY = "(?: (?:to|in|into|on) sky)?"
WAY = "(?:to )?(?:left|right|(?:counter ?|anti ?)?clockwise)"


def more(noun):
    return f"(?:(?:(?:make|give|add){IT} )?(?:more|higher)|increase|raise|boost|add) (?:{noun})"


def less(noun):
    return f"(?:(?:(?:make|give){IT} )?(?:less|lower)|decrease|reduce|lower) (?:{noun})"


@dataclass(frozen=True)
class Ability:
    """One edit: a sentence for people, the pattern of a canonical clause, and what to do."""

    sentence: str
    pattern: str
    edit: object
    takes_amount: bool = False


ABILITIES = [Ability(*row) for row in (
    ("make it black and white",
     f"{MAKE}(?:black (?:and|&) white|gr[ae]y ?scale|monochrome|gr[ae]y|b&w)", black_and_white),
    ("make it sepia", f"(?:{MAKE}|{ADD})sepia(?: toned?| effect| filter)?", sepia),
    ("make it brighter", f"{MAKE}(?:brighter|lighter)|(?:brighten|lighten)(?: up)?{IT}(?: up)?|"
     + more("brightness|bright"), brightness(+1), True),
    ("make it darker", f"{MAKE}darker|darken{IT}|" + less("brightness|bright"),
     brightness(-1), True),
    ("more contrast", more("contrast"), contrast(+1), True),
    ("less contrast", less("contrast"), contrast(-1), True),
    ("more colour", more("colou?rs?|colou?rful|saturation|saturated|vivid"), saturation(+1), True),
    ("less colour", less("colou?rs?|colou?rful|saturation|saturated|vivid"), saturation(-1), True),
    ("make it warmer", f"{MAKE}warmer|warm(?: up)?{IT}(?: up)?|" + more("warmth"),
     warmth(+1), True),
    ("make it cooler", f"{MAKE}(?:cooler|colder)|cool(?: down)?{IT}(?: down)?|" + less("warmth"),
     warmth(-1), True),
    ("blur", f"(?:blur|soften){IT}|{MAKE}(?:blurr(?:y|ed|ier)|softer)|" + more("blur"), blur, True),
    ("sharpen", f"sharpen{IT}|{MAKE}sharp(?:er)?|" + more("sharpness"), sharpen, True),
    ("rotate 90 left, rotate 90 right, rotate 180",
     f"(?:rotate|turn){IT}(?=.*(?:90|180|270|left|right|clockwise))"
     f"(?: (?P<before>{WAY}))?(?: by)?(?: (?P<angle>90|180|270) ?(?:°|deg(?:ree)?s?)?)?"
     f"(?(before)|(?: ?(?P<after>{WAY}))?)", rotate),
    ("flip horizontally, flip vertically",
     f"(?:flip|mirror){IT} (?P<way>horizontal|vertical)(?:ly)?", flip),
    ("invert colours", f"invert{IT}(?: colou?rs)?|{MAKE}negative", invert),
    ("make the sky blue", "(?:make|turn|colou?r|paint) sky (?:more )?bluer?|" + ADD + "blue sky",
     blue_sky, True),
    ("add clouds", f"{ADD}clouds{SKY}|{MAKE}(?:sky )?cloudy", clouds, True),
    ("add a sunset", f"{ADD}sunset(?: light| glow)?{SKY}|{MAKE}(?:at )?sunset", sunset),
    ("make it winter", f"{MAKE}(?:winter|wint(?:e)?ry)(?: scene)?", winter),
    ("add rain", f"{ADD}(?:falling )?rain|(?:make|let){IT} rain|{MAKE}rainy", rain, True),
    ("add snow", f"{ADD}(?:falling )?snow(?:flakes|fall)?|(?:make|let){IT} snow|{MAKE}snowy",
     snow, True),
)]

CLAUSE_END = re.compile(r"[,;.!?\n]+| then(?= )|(?<!black) (?:and|&)(?= )", re.IGNORECASE)
POLITE = (r"\b(?:please|kindly|just|now|also|then|some|the|an?|(?:can|could|would|will) you|for me|"
          r"thanks|thank you)\b")
PICTURE = r"\b(?:(?:this|that|my|whole) )*(?:image|photo(?:graph)?|picture|pic|it|this)\b"
AMOUNTS = {
    0.5: r"\b(?:little bit|little|bit|slightly|somewhat|touch|tad|gently)\b(?: of\b)?",
    2: r"\b(?:much|(?:whole )?lots?|very|way|far|heav(?:y|ily)|strong(?:ly|er)?)\b(?: of\b)?",
}


def describe():
    """What this editor can do, edit by edit; what it says is understood as it stands."""
    return [ability.sentence for ability in ABILITIES]


def canonical(clause):
    """The clause without politeness, articles and amount, and the amount as a strength."""
    text, strength = re.sub(r"-(?!\d)", " ", clause.lower()), 1  # "rotate -90" is refused
    text = " ".join(re.sub(POLITE, " ", text).split())
    text = re.sub(PICTURE, "it", text)
    for amount, pattern in AMOUNTS.items():
        text, found = re.subn(pattern, " ", text)
        strength = amount if found else strength
    return " ".join(text.split()), strength


def understand(clause):
    """The ability, match and strength of one clause, or None."""
    text, strength = canonical(clause)
    for ability in ABILITIES:
        match = re.fullmatch(f"(?:{ability.pattern})(?: (?:to|of|on|in) it)?", text)
        if match and (ability.takes_amount or strength == 1):
            return ability, match, strength
    return None


def plan(instruction):
    """What to do, clause by clause. Refuses an instruction that is not understood to the end."""
    text = re.sub(r"[^\S\n]+", " ", instruction)
    clauses = [part.strip() for part in CLAUSE_END.split(f" {text} ") if canonical(part)[0]]
    can = "This editor can: " + "; ".join(describe()) + "."
    if not clauses:
        raise EditError("bad-request", f"The instruction is empty. {can}")
    steps = [understand(clause) for clause in clauses]
    if None in steps:
        unknown = clauses[steps.index(None)]
        raise EditError("bad-request", f'"{unknown}" was not understood. {can}')
    return steps


class Rules:
    models = ["rules"]

    def load(self, model):
        pass

    def edit(self, request, progress):
        steps = plan(request.instruction)
        image, profile = read_photo(request.image)
        chance = random.Random(request.seed)
        scenery = Scenery(image)
        for number, (ability, words, strength) in enumerate(steps, 1):
            how = How(words, strength, chance, scenery)
            image = ability.edit(image, how)
            if ability.edit in (rotate, flip):
                scenery = Scenery(ability.edit(scenery.photo, how))
            progress(number, len(steps))
        write_photo(image, profile, request.output)


if __name__ == "__main__":
    serve(Rules())
