"""The documentation: its sources, and what makes a site of static files of them.

The guides and the glossary are Markdown beside this file, the example is a notebook. The pages of
commands and of the API are made from the installed code, and the contract is the one that ships. So
the site is always that of the installed version: ``wfo docs`` opens it, ``wfo docs --build DIR``
writes it for publishing.
"""

from __future__ import annotations

from wfo.docs.links import broken_links
from wfo.docs.local import local_site
from wfo.docs.site import Site, build_site, write_site

__all__ = ["Site", "broken_links", "build_site", "local_site", "write_site"]
