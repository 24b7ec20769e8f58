from openrek.runtime.on_upkeep import serve_upkeep

handler = serve_upkeep()
