"""How Reflex builds and serves the pages: our own stylesheet, no theme, nothing from outside."""

import reflex as rx

from pecapp import settings

current = settings.load()
modes = rx.constants.StateManagerMode

config = rx.Config(
    app_name="pecapp",
    api_url=current.public_url,
    deploy_url=current.public_url,
    backend_host="127.0.0.1",
    cors_allowed_origins=[current.public_url],
    telemetry_enabled=False,
    show_built_with_reflex=False,
    frontend_lazy_bundled_libraries=True,
    state_manager_mode=modes.REDIS if current.redis_url else modes.MEMORY,
    plugins=[],
    disable_plugins=[rx.plugins.SitemapPlugin, rx.plugins.RadixThemesPlugin],
)
