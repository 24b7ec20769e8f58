from tests.support.server import live_server, rekognition

__all__ = ["live_server", "rekognition"]
