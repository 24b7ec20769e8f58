from openrek.operations.detect_moderation_labels import detect_moderation_labels
from openrek.runtime.functions.handler import serve

handler = serve(detect_moderation_labels)
