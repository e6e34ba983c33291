"""HTTP plumbing on aiohttp: listening, health, problem+json, request ids, bodies, tokens, pages."""
