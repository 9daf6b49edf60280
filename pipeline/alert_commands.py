"""The command `remindfirst alerts`: whether staff can be told."""

import typer

from pipeline.command_line import read_settings, telling
from pipeline.errors import PermanentError
from pipeline.notify import open_staff_alerts
from pipeline.notify.staff import StaffAlertError

__all__ = ["alerts"]

alerts = typer.Typer(help="Alerts to staff, by the addresses in REMINDFIRST_STAFF_ALERTS_FILE.")


@alerts.command("test")
def send_test() -> None:
    """Send a test to every address; each is named by its line and never shown."""
    with telling("alerts test"):
        file = read_settings().staff_alerts_file
        if file is None:
            raise PermanentError(
                "no addresses: set REMINDFIRST_STAFF_ALERTS_FILE to a file with one to a line"
            )
        lost = 0
        for line, is_taken in open_staff_alerts(file).try_out():
            typer.echo(f"line {line}: {'taken' if is_taken else 'not taken'}")
            lost += not is_taken
        if lost:
            raise StaffAlertError(f"{lost} addresses took no test; try again, or mend their lines")
