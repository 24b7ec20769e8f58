from openrek.runtime.functions.upkeep import serve_upkeep

handler = serve_upkeep()
