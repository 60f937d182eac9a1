"""What the bridge decides, without doing it: the model, events, detection, schedules, retries, routing, health.

It imports nothing else of the bridge, and gets time and chance as arguments.
"""
