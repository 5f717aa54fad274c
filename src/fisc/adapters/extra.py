"""The optional packages that adapters need."""


def missing(package: str) -> ImportError:
    """Make the error for a package that is not installed; it says how to mend it."""
    return ImportError(
        f"fisc.adapters.{package} needs the package {package}, which is not installed: pip install 'fisc[adapters]'"
    )
