"""The only meaning that the services share: messages, subjects, stream names, workflow names.

One module per stream. Readers ignore fields they do not know; a change that an older reader would
misunderstand gets a new version number in the message's tag, and its own frozen golden payload.
"""
