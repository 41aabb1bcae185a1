"""What the app and a playground's process agree on, without torch."""

LONGEST_REQUEST = 32_768  # bytes of a request: a drawing of 400 points takes 10,000
LONGEST_FRAME = 262_144  # bytes of an answer
MOST_TURNS = 20  # in one request
SILENCE = 150.0  # seconds without a request after which a process ends; a hidden page asks once a minute
ANSWER_SECONDS = 20.0  # for one answer
START_SECONDS = 60.0  # for a process: the first one imports torch
MEMORY = 2 * 1024**3  # bytes of data of a process, on systems that support the limit
IDLE = 60.0  # seconds without a game after which the process that starts others ends
