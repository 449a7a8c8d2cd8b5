"""Mistakes people make in lesson 15, and how each has to be named."""

# expects: 15.1: the weights file is not read
def cache_key(weights, layer, preprocessing, images):
    everything = json.dumps([weights.stat().st_size, layer, preprocessing, images], sort_keys=True)
    return hashlib.sha256(everything.encode()).hexdigest()


# expects: 15.1: the weights file is not read
def cache_key(weights, layer, preprocessing, images):
    facts = weights.stat()
    everything = json.dumps([facts.st_size, layer, preprocessing, images], sort_keys=True)
    return hashlib.sha256(everything.encode()).hexdigest() + str(facts.st_size)


# expects: 15.1: the end of the weights file is not read
def cache_key(weights, layer, preprocessing, images):
    digest = hashlib.sha256(weights.read_bytes()[:1024]).hexdigest()
    everything = json.dumps([digest, layer, preprocessing, images], sort_keys=True)
    return hashlib.sha256(everything.encode()).hexdigest()


# expects: 15.1: the layer is missing
def cache_key(weights, layer, preprocessing, images):
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    everything = json.dumps([digest, preprocessing, images], sort_keys=True)
    return hashlib.sha256(everything.encode()).hexdigest()


# expects: 15.1: the preprocessing is missing
def cache_key(weights, layer, preprocessing, images):
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    everything = json.dumps([digest, layer, images], sort_keys=True)
    return hashlib.sha256(everything.encode()).hexdigest()


# expects: 15.1: only the names of the settings
def cache_key(weights, layer, preprocessing, images):
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    everything = json.dumps([digest, layer, sorted(preprocessing), images], sort_keys=True)
    return hashlib.sha256(everything.encode()).hexdigest()


# expects: 15.1: only one letter or number of the settings
def cache_key(weights, layer, preprocessing, images):
    digest = hashlib.sha256(weights.read_bytes())
    for name in sorted(preprocessing):
        value = preprocessing[name]
        if isinstance(value, list):
            value = [int(number) for number in value]
        digest.update(f"{name}={value};".encode())
    digest.update(json.dumps([layer, images]).encode())
    return digest.hexdigest()


# expects: 15.1: the images are missing
def cache_key(weights, layer, preprocessing, images):
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    everything = json.dumps([digest, layer, preprocessing], sort_keys=True)
    return hashlib.sha256(everything.encode()).hexdigest()


# expects: 15.1: only the number of the images
def cache_key(weights, layer, preprocessing, images):
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    everything = json.dumps([digest, layer, preprocessing, len(images)], sort_keys=True)
    return hashlib.sha256(everything.encode()).hexdigest()


# expects: 15.1: the images are sorted
def cache_key(weights, layer, preprocessing, images):
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    everything = json.dumps([digest, layer, preprocessing, sorted(images)], sort_keys=True)
    return hashlib.sha256(everything.encode()).hexdigest()


# expects: 15.1: names run into each other
def cache_key(weights, layer, preprocessing, images):
    digest = hashlib.sha256(weights.read_bytes())
    digest.update(json.dumps([layer, preprocessing], sort_keys=True).encode())
    for name in images:
        digest.update(name.encode())
    return digest.hexdigest()


# expects: 15.1: the key is always the same
def cache_key(weights, layer, preprocessing, images):
    return hashlib.sha256(b"features").hexdigest()


# expects: 15.1: the path of the weights counts
def cache_key(weights, layer, preprocessing, images):
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    everything = json.dumps([str(weights), digest, layer, preprocessing, images], sort_keys=True)
    return hashlib.sha256(everything.encode()).hexdigest()


# expects: 15.1: the order of the settings counts
def cache_key(weights, layer, preprocessing, images):
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    everything = json.dumps([digest, layer, preprocessing, images])
    return hashlib.sha256(everything.encode()).hexdigest()


# expects: 15.1: the order of the settings counts
def cache_key(weights, layer, preprocessing, images):
    everything = repr((weights.read_bytes(), layer, preprocessing, images))
    return hashlib.sha256(everything.encode()).hexdigest()


# expects: 15.1: it changes by itself
def cache_key(weights, layer, preprocessing, images):
    everything = weights.read_bytes() + os.urandom(8) + json.dumps([layer, preprocessing, images]).encode()
    return hashlib.sha256(everything).hexdigest()


# expects: 15.1: the built-in hash
def cache_key(weights, layer, preprocessing, images):
    everything = json.dumps([layer, preprocessing, images], sort_keys=True)
    return str(hash((weights.read_bytes(), everything)))


# expects: 15.1: the built-in hash
def cache_key(weights, layer, preprocessing, images):
    everything = f'{layer} {preprocessing} {images}'
    return hashlib.sha256(weights.read_bytes()).hexdigest() + str(hash(everything))


# expects: 15.1: None
def cache_key(weights, layer, preprocessing, images):
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    everything = json.dumps([digest, images], sort_keys=True)
    return hashlib.sha256(everything.encode()).hexdigest()


# expects: 15.2: written under its own name
def write_whole(path, pieces):
    with open(path, "wb") as file:
        for piece in pieces:
            file.write(piece)


# expects: 15.2: written under its own name
def write_whole(path, pieces):
    file = open(path, "wb")  # noqa: SIM115
    try:
        for piece in pieces:
            file.write(piece)
            file.flush()
    finally:
        file.close()


# expects: 15.2: the old file is deleted first
def write_whole(path, pieces):
    partial = path.with_name(path.name + ".partial")
    path.unlink(missing_ok=True)
    try:
        with open(partial, "wb") as file:
            for piece in pieces:
                file.write(piece)
    except BaseException:
        partial.unlink()
        raise
    os.replace(partial, path)


# expects: 15.2: written into the old file
def write_whole(path, pieces):
    path.write_bytes(b"".join(pieces))


# expects: 15.2: written into the old file
import shutil


def write_whole(path, pieces):
    partial = path.with_name(path.name + ".partial")
    try:
        with open(partial, "wb") as file:
            for piece in pieces:
                file.write(piece)
        shutil.copyfile(partial, path)
    finally:
        partial.unlink(missing_ok=True)


# expects: 15.2: renamed even after a failure
def write_whole(path, pieces):
    partial = path.with_name(path.name + ".partial")
    try:
        with open(partial, "wb") as file:
            for piece in pieces:
                file.write(piece)
    finally:
        os.replace(partial, path)


# expects: 15.2: the temporary file is left
def write_whole(path, pieces):
    partial = path.with_name(path.name + ".partial")
    with open(partial, "wb") as file:
        for piece in pieces:
            file.write(piece)
    os.replace(partial, path)


# expects: 15.2: the failure is swallowed
def write_whole(path, pieces):
    partial = path.with_name(path.name + ".partial")
    try:
        with open(partial, "wb") as file:
            for piece in pieces:
                file.write(piece)
        os.replace(partial, path)
    except Exception as error:
        partial.unlink(missing_ok=True)
        print("cannot write", path, error)


# expects: 15.2: it is never renamed
def write_whole(path, pieces):
    partial = path.with_name(path.name + ".partial")
    try:
        with open(partial, "wb") as file:
            for piece in pieces:
                file.write(piece)
    except BaseException:
        partial.unlink()
        raise


# expects: 15.2: every piece begins the file anew
def write_whole(path, pieces):
    partial = path.with_name(path.name + ".partial")
    try:
        for piece in pieces:
            with open(partial, "wb") as file:
                file.write(piece)
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


# expects: 15.2: None
def write_whole(path, pieces):
    partial = path.with_name(path.name + ".partial")
    try:
        with open(partial, "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.write(b"\n")
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


# expects: 15.3: in the order of the file
def features_of(array, row_of, names):
    rows = sorted(row_of[name] for name in names)
    return array[rows].astype(np.float32)


# expects: 15.3: a picture that is asked for twice comes once
def features_of(array, row_of, names):
    wanted = np.zeros(len(array), bool)
    for name in names:
        wanted[row_of[name]] = True
    return array[wanted].astype(np.float32)


# expects: 15.3: a picture that is asked for twice comes once
def features_of(array, row_of, names):
    found = {name: array[row_of[name]] for name in names}
    return np.array(list(found.values()), np.float32)


# expects: 15.3: the first rows of the file
def features_of(array, row_of, names):
    return array[:len(names)].astype(np.float32)


# expects: 15.3: the place in row_of instead of its value
def features_of(array, row_of, names):
    place_of = {name: place for place, name in enumerate(row_of)}
    return array[[place_of[name] for name in names]].astype(np.float32)


# expects: 15.3: all pictures are returned
def features_of(array, row_of, names):
    return array.astype(np.float32)


# expects: 15.3: still float16
def features_of(array, row_of, names):
    return array[[row_of[name] for name in names]]


# expects: 15.3: float64
def features_of(array, row_of, names):
    return np.stack([array[row_of[name]].astype(float) for name in names])


# expects: 15.3: more is read than the rows
def features_of(array, row_of, names):
    array = array.astype(np.float32)
    return array[[row_of[name] for name in names]]


# expects: 15.3: None
def features_of(array, row_of, names):
    return array[[row_of[name] - 1 for name in names]].astype(np.float32)


# expects: 15.4: zeros become nan
def l2_normalize(x, length):
    return length * x / np.linalg.norm(x, axis=-1, keepdims=True)


# expects: 15.4: the length is not used
def l2_normalize(x, length):
    norm = np.linalg.norm(x, axis=-1, keepdims=True)
    return x / np.where(norm > 0, norm, 1)


# expects: 15.4: the root is missing
def l2_normalize(x, length):
    norm = (x**2).sum(axis=-1, keepdims=True)
    return length * x / np.where(norm > 0, norm, 1)


# expects: 15.4: the sum of the absolute values
def l2_normalize(x, length):
    norm = abs(x).sum(axis=-1, keepdims=True)
    return length * x / np.where(norm > 0, norm, 1)


# expects: 15.4: the plain sum
def l2_normalize(x, length):
    total = x.sum(axis=-1, keepdims=True)
    return length * x / np.where(total == 0, 1, total)


# expects: 15.4: the largest number
def l2_normalize(x, length):
    norm = np.abs(x).max(axis=-1, keepdims=True)
    return length * x / np.where(norm > 0, norm, 1)


# expects: 15.4: one length for all
def l2_normalize(x, length):
    norm = np.linalg.norm(x)
    return x if norm == 0 else length * x / norm


# expects: 15.4: along the first axis
def l2_normalize(x, length):
    norm = np.sqrt((x * x).sum(axis=0, keepdims=True))
    return length * x / np.where(norm > 0, norm, 1)


# expects: 15.4: along axis 1
def l2_normalize(x, length):
    norm = np.sqrt((x * x).sum(axis=1, keepdims=True))
    return length * x / np.where(norm > 0, norm, 1)


# expects: 15.4: a mean instead of a sum
def l2_normalize(x, length):
    norm = np.sqrt((x * x).mean(axis=-1, keepdims=True))
    return length * x / np.where(norm > 0, norm, 1)


# expects: 15.4: multiplied by the length
def l2_normalize(x, length):
    norm = np.linalg.norm(x, axis=-1, keepdims=True)
    return length * x * norm


# expects: 15.4: an input is changed in place
def l2_normalize(x, length):
    norm = np.linalg.norm(x, axis=-1, keepdims=True)
    x *= length / np.where(norm > 0, norm, 1)
    return x


# expects: 15.4: None
def l2_normalize(x, length):
    x = x - x.mean(axis=-1, keepdims=True)
    norm = np.linalg.norm(x, axis=-1, keepdims=True)
    return length * x / np.where(norm > 0, norm, 1)
